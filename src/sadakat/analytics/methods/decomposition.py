"""What a change of revenue is made of, exactly.

Source: B. W. Ang, The LMDI approach to decomposition analysis: a practical guide, Energy Policy 33, 2005: the additive
form, equations 8 to 10. `docs/algorithms/goals.md` works it out by hand.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from sadakat.kernel import sharing


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """The sums of a period: revenue = customers × orders per customer × revenue per order."""

    customers: int
    orders: int
    revenue_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a change of revenue in minor units; they add up to it."""

    customers: int
    """By more or fewer customers."""
    frequency: int
    """By more or fewer orders of each."""
    basket: int
    """By larger or smaller orders."""


def parts(before: Sales, now: Sales) -> Parts:
    """How much of the change each factor made: its own logarithm's share, rounded so that the sum is exact.

    A period without orders has no frequency and no basket: then the whole change is that of customers.

    >>> before = Sales(customers=10, orders=20, revenue_minor=100_000)
    >>> parts(before, Sales(customers=12, orders=24, revenue_minor=120_000))
    Parts(customers=20000, frequency=0, basket=0)
    """
    change = now.revenue_minor - before.revenue_minor
    if not before.orders or not now.orders:
        return Parts(customers=change, frequency=0, basket=0)
    logs = [math.log(b / a) for a, b in zip(_factors(before), _factors(now), strict=True)]
    ratio = math.log(now.revenue_minor / before.revenue_minor)
    weight = change / ratio if ratio else float(now.revenue_minor)
    exact = [Fraction(weight * log) for log in logs]
    # The basket has what the others leave, so that the sum is exact before it is rounded.
    customers, frequency, basket = sharing.rounded([*exact, change - sum(exact, Fraction())])
    return Parts(customers=customers, frequency=frequency, basket=basket)


def _factors(sales: Sales) -> tuple[float, float]:
    return sales.customers, sales.orders / sales.customers
