"""What crosses the door of `analytics`."""

import enum
from dataclasses import dataclass
from datetime import date

from sadakat.kernel.money import Money
from sadakat.kernel.time import PeriodKind


class Unit(enum.StrEnum):
    """How a figure is written."""

    COUNT = "count"
    NUMBER = "number"
    """A ratio that can be above one, such as orders per customer."""
    SHARE = "share"
    """A fraction between 0 and 1, written as a percentage."""
    MONEY = "money"
    DAYS = "days"


class Better(enum.StrEnum):
    """Which direction of a figure is good news."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"
    """A choice, such as what is spent: more or less of it is neither good nor bad by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A metric explained to those who read it, in the language of the page."""

    title: str
    text: str
    unit: Unit
    better: Better


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFigures:
    """Figures of one whole calendar period, from the orders that count; None where nothing can be divided by.

    A customer is new in the period that holds the day of the first counted order, returning in later ones.
    """

    period: PeriodKind
    period_start: date
    """First local day of the period."""
    period_end: date
    """First local day after it."""
    customers: int
    """Customers with at least one order in the period."""
    orders: int
    """Orders of the period."""
    revenue: Money
    """Net revenue of the period's orders."""
    new_customers: int
    """Customers whose first order lies in the period."""
    returning_customers: int
    """Customers of the period whose first order lies before it."""
    new_customer_revenue: Money
    """The part of revenue that comes from new customers."""
    returning_customer_revenue: Money
    """The part of revenue that comes from returning customers."""
    repeat_purchase_rate: float | None
    """Customers with at least two orders in the period ÷ customers with at least one."""
    guest_checkout_rate: float | None
    """On-line orders of the period without an account ÷ on-line orders of the period."""
    retention_rate: float | None
    """Of the customers who ordered in the period before, the share who ordered again in this one."""
    churn_rate: float | None
    """1 − retention rate: same period, same customers."""
    marketing_spend: Money | None
    """What was spent on marketing on the days of the period; None where nothing is recorded for any of them."""
    acquisition_cost: Money | None
    """Marketing spend of the period ÷ its new customers, rounded half up to a minor unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics(PeriodFigures):
    """Every figure, as of the start of a local day.

    An order counts when it is completed, not cancelled, and the sum of its entries whose local day is before
    `as_of` is above zero; that sum is its net revenue. Its day is the local day on which it was completed,
    its customer the one that its profile belongs to now. Trailing windows are the 365 local days that end with
    the day before `as_of`; the period is the latest whole one that ended on or before `as_of`.
    """

    as_of: date
    """Days before this one are seen."""
    purchase_frequency: float | None
    """Orders of the trailing window ÷ customers who ordered in it."""
    average_order_value: Money | None
    """Revenue of the trailing window ÷ its orders, rounded half up to a minor unit."""
    active_customers: int
    """Customers who ordered in the trailing window."""
    retention_rate_classical: float | None
    """(active at the end of the period − new customers) ÷ active at its start.

    Active at a moment = ordered in the 365 days before it.
    """
    days_between_orders: float | None
    """Median of the gaps between a customer's consecutive orders, over customers with at least two.

    A gap is the time between the two instants, in days of 24 hours; all counted orders are seen.
    """
    historic_cltv: Money | None
    """Mean over all customers of their net revenue, first to last order; rounded half up to a minor unit."""
    total_customers: int
    """Customers with at least one order, ever."""
    total_revenue: Money
    """Net revenue of all orders, ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlippingCustomer:
    """A customer with a habit of ordering who has broken it."""

    customer_id: int
    orders: int
    revenue: Money
    """Net revenue of all orders."""
    last_order_date: date
    usual_gap_days: float
    """Mean days between consecutive orders: (last − first) ÷ (orders − 1), at least seven."""
    silent_days: int
    """Days from the last order to the day of the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slipping:
    """Who is slipping away."""

    count: int
    revenue: Money
    """What all of them have spent."""
    customers: tuple[SlippingCustomer, ...]
    """Those who spent most, first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """A recorded spend on marketing. Grain: one channel and campaign over one span of days."""

    from_date: date
    to_date: date
    """The last day."""
    channel: str
    campaign: str
    """Empty for none."""
    amount: Money
    """Of the brand's currency."""
    said: Money
    """As it was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpend:
    """What one channel cost in one month."""

    month: date
    """Its first day."""
    channel: str
    amount: Money
