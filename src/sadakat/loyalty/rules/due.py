"""What is still due of an award after refunds and changes: by the breakdown kept with it, never by today's rules.

`docs/algorithms/claw-back.md` works it out by hand.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from sadakat.commerce.types import OrderStatus, Purchase
from sadakat.loyalty.types import Programme, Quote


def breakdown(quote: Quote, *, purchase: Purchase, programme: Programme, day: date) -> dict[str, Any]:
    """What is kept with an award: all that a later refund needs, as JSON. `day` is that on which caps count it."""
    return {
        "namespace": purchase.order.namespace,
        "order_id": purchase.order.order_id,
        "programme": programme.version,
        "basis_minor": quote.basis_minor,
        "multipliers": {key: str(factor) for key, factor in quote.multipliers.items()},
        "rules": [
            {
                "key": rule.key,
                "name": rule.name,
                "points": rule.points,
                "lines": {str(number): points for number, points in rule.by_line.items()},
            }
            for rule in quote.rules
            if rule.points
        ],
        "kept": {
            "points": quote.points,
            "claw_back": programme.claw_back.value,
            "day": day.isoformat(),
            "content": content_of(purchase),
        },
    }


def content_of(purchase: Purchase) -> str:
    """The same for an order as long as nothing has changed that rules could see; refunds and names change nothing."""
    order = purchase.order
    said = (
        order.at.isoformat(),
        order.channel,
        order.store_id,
        order.goods_minor,
        order.taxed_minor,
        order.total_minor,
        [(line.number, line.product_id, line.paid_minor) for line in purchase.lines],
    )
    return hashlib.blake2b(repr(said).encode(), digest_size=8).hexdigest()


def share_left(purchase: Purchase) -> Fraction:
    """Which part of an order is neither refunded nor cancelled."""
    order = purchase.order
    if order.status is OrderStatus.CANCELLED:
        return Fraction(0)
    if not order.revenue_minor:
        return Fraction(order.status is OrderStatus.COMPLETED)
    return max(Fraction(0), 1 - Fraction(order.refunded_minor, order.revenue_minor))


def why(purchase: Purchase) -> str:
    """The reason for which points of an order are taken back, in a word."""
    return "cancelled" if purchase.order.status is OrderStatus.CANCELLED else "refunded"


def still_due(kept: Mapping[str, Any], purchase: Purchase) -> int:
    """The points of a breakdown that what is left of the order keeps; a part of a point is lost.

    Points of a line stay in the proportion in which the line does, others in that of the order. What multipliers
    and rounding have made of the sum shrinks with it.
    """
    whole = share_left(purchase)
    if whole == 1:
        return int(kept["kept"]["points"])
    by_line = {
        str(line.number): 1 - Fraction(line.refunded_minor, line.paid_minor)
        for line in purchase.lines
        if line.paid_minor and whole
    }
    given = sum(rule["points"] for rule in kept["rules"])
    left = sum(
        (
            sum((points * by_line.get(number, whole) for number, points in rule["lines"].items()), Fraction(0))
            if rule["lines"]
            else rule["points"] * whole
            for rule in kept["rules"]
        ),
        Fraction(0),
    )
    return int(kept["kept"]["points"] * left / given) if given else 0
