"""The reasons that commerce gives, of orders, products and rates, as pages tell them (`platform.ui.reasons`)."""

from typing import Final

from django.utils.translation import gettext_noop as _

TEMPLATES: Final = (
    # Rows of orders and products.
    _("%(name)s is empty"),
    _("the order is partly refunded and refunded_amount does not say how much of it"),
    _("rows of one order differ in %(field)s: %(values)s"),
    _('rows of one order differ in %(field)s: "row %(first)s says %(one)s", "row %(second)s says %(other)s"'),
    _("the order says by none of total, revenue, subtotal, price and line_total what was paid"),
    _("product_id or sku must have 1 to %(limit)s characters, not %(found)s"),
    _("status %(found)s is not known; completed, refunded, partly refunded and cancelled are"),
    _("status %(found)s says that this is no order yet"),
    # What events say.
    _("the event has been erased and cannot be read any more"),
    _("%(event)s cannot be read: %(reason)s"),
    _("%(name)s must be a number from 0 to %(limit)s, not %(found)s"),
    _("%(event)s needs an order_id of 1 to %(limit)s characters, not %(found)s"),
    _("%(event)s needs a %(name)s of 1 to %(limit)s characters, not %(found)s"),
    _("Order Completed says what was paid by none of revenue, total and products"),
    _(
        "products[%(number)s] must have a product_id of at most %(limit)s characters, price and total from 0 "
        "to %(amount)s and a quantity of 0 or from %(least)s to %(most)s, not %(found)s"
    ),
    _("category %(category)s cannot lie below %(parent)s: that closes %(circle)s"),
    # Orders as their events make them, and rates.
    _("order %(order)s has more than %(limit)s events"),
    _(
        "order %(order)s was completed twice with different content (%(differences)s); the earlier of %(at)s "
        "UTC counts; Order Updated changes an order"
    ),
    _("order %(order)s is in %(currency)s and this event in %(other)s; send its amounts in %(same)s"),
    _("the refund of %(amount)s is more than the %(left)s left of order %(order)s; it counts up to what is left"),
    _(
        "the refund names product %(product)s without a price, and order %(order)s has no such line; send "
        "price and quantity, or a total"
    ),
    _(
        "there is no rate for %(currency)s on %(day)s; record one with `sadakat rates set %(same)s RATE "
        "--from %(from)s` and retry"
    ),
    _("%(currency)s is the brand's own currency; rates are for other ones"),
    _("the rate must be above 0, at most %(limit)s and have %(digits)s decimals, not %(found)s"),
    _("there is no order %(order)s of %(namespace)s"),
    _("there is no order %(order)s"),
)
