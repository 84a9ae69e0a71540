"""What each figure is called and means, for those who read it."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from sadakat.analytics.types import Better, Definition, Unit


def definitions() -> Mapping[str, Definition]:
    """The definition of each figure of `Metrics` by its name, in the language that is active."""
    return {**_of_trailing_windows(), **_of_periods(), **_of_all_time()}


def _of_trailing_windows() -> dict[str, Definition]:
    return {
        "purchase_frequency": Definition(
            title=_("Purchase frequency"),
            text=_("Orders of the last 365 days ÷ customers who ordered in the last 365 days."),
            unit=Unit.NUMBER,
            better=Better.HIGHER,
        ),
        "average_order_value": Definition(
            title=_("Average order value"),
            text=_("Revenue of the last 365 days ÷ orders of the last 365 days."),
            unit=Unit.MONEY,
            better=Better.HIGHER,
        ),
        "active_customers": Definition(
            title=_("Active customers"),
            text=_("Customers who ordered in the last 365 days."),
            unit=Unit.COUNT,
            better=Better.HIGHER,
        ),
    }


def _of_periods() -> dict[str, Definition]:
    return _counts_of_periods() | {
        "repeat_purchase_rate": Definition(
            title=_("Repeat purchase rate"),
            text=_("Customers with at least two orders in the period ÷ customers with at least one."),
            unit=Unit.SHARE,
            better=Better.HIGHER,
        ),
        "guest_checkout_rate": Definition(
            title=_("Guest checkout rate"),
            text=_("On-line orders of the period without an account ÷ on-line orders of the period."),
            unit=Unit.SHARE,
            better=Better.LOWER,
        ),
        "retention_rate": Definition(
            title=_("Retention rate"),
            text=_("Of the customers who ordered in the period before, the share who ordered again in this one."),
            unit=Unit.SHARE,
            better=Better.HIGHER,
        ),
        "retention_rate_classical": Definition(
            title=_("Retention rate, classical"),
            text=_(
                "(Active customers at the end of the period − new customers) ÷ active customers at its start; "
                "active means ordered in the 365 days before."
            ),
            unit=Unit.SHARE,
            better=Better.HIGHER,
        ),
        "churn_rate": Definition(
            title=_("Churn rate"),
            text=_("1 − retention rate, of the same period and the same customers."),
            unit=Unit.SHARE,
            better=Better.LOWER,
        ),
        "marketing_spend": Definition(
            title=_("Marketing spend"),
            text=_("What was spent on marketing on the days of the period, as recorded."),
            unit=Unit.MONEY,
            better=Better.NEITHER,
        ),
        "acquisition_cost": Definition(
            title=_("Acquisition cost"),
            text=_("Marketing spend of the period ÷ new customers of the period."),
            unit=Unit.MONEY,
            better=Better.LOWER,
        ),
    }


def _counts_of_periods() -> dict[str, Definition]:
    return {
        "customers": Definition(
            title=_("Customers"),
            text=_("Customers with at least one order in the period."),
            unit=Unit.COUNT,
            better=Better.HIGHER,
        ),
        "orders": Definition(
            title=_("Orders"),
            text=_("Completed orders of the period that are not cancelled and whose net revenue is above zero."),
            unit=Unit.COUNT,
            better=Better.HIGHER,
        ),
        "revenue": Definition(
            title=_("Revenue"),
            text=_("Revenue of the period's orders, net of discounts and refunds."),
            unit=Unit.MONEY,
            better=Better.HIGHER,
        ),
        "new_customers": Definition(
            title=_("New customers"),
            text=_("Customers whose first order lies in the period."),
            unit=Unit.COUNT,
            better=Better.HIGHER,
        ),
        "returning_customers": Definition(
            title=_("Returning customers"),
            text=_("Customers of the period whose first order lies before it."),
            unit=Unit.COUNT,
            better=Better.HIGHER,
        ),
        "new_customer_revenue": Definition(
            title=_("Revenue from new customers"),
            text=_("Revenue of the period from customers whose first order lies in it."),
            unit=Unit.MONEY,
            better=Better.HIGHER,
        ),
        "returning_customer_revenue": Definition(
            title=_("Revenue from returning customers"),
            text=_("Revenue of the period from customers whose first order lies before it."),
            unit=Unit.MONEY,
            better=Better.HIGHER,
        ),
    }


def _of_all_time() -> dict[str, Definition]:
    return {
        "days_between_orders": Definition(
            title=_("Days between orders"),
            text=_("Median of the gaps between a customer's consecutive orders, in days of 24 hours."),
            unit=Unit.DAYS,
            better=Better.LOWER,
        ),
        "historic_cltv": Definition(
            title=_("Historic customer lifetime value"),
            text=_("Mean over all customers of their net revenue from first to last order."),
            unit=Unit.MONEY,
            better=Better.HIGHER,
        ),
        "total_customers": Definition(
            title=_("All customers"),
            text=_("Customers with at least one order, ever."),
            unit=Unit.COUNT,
            better=Better.HIGHER,
        ),
        "total_revenue": Definition(
            title=_("All revenue"),
            text=_("Net revenue of all orders, ever."),
            unit=Unit.MONEY,
            better=Better.HIGHER,
        ),
    }
