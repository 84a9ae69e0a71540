"""Parts of the trade that figures can be asked of, and cohorts."""

import enum
from dataclasses import dataclass
from datetime import date

from sadakat.analytics.types.figures import Metrics
from sadakat.kernel.money import Money
from sadakat.kernel.time import PeriodKind


class Dimension(enum.StrEnum):
    """By what figures are divided."""

    STAGE = "stage"
    """Customers by the stage they stand in now."""
    SEGMENT = "segment"
    """Customers who are in a segment now."""
    CHANNEL = "channel"
    """Orders by their channel."""
    CITY = "city"
    """Customers by the city that is known of them."""
    CATEGORY = "category"
    """Orders that hold something of a top category; their revenue is that part's share of the order's."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the trade: the customers, or the orders, of one value of a dimension."""

    dimension: Dimension
    value: str
    """Key of a segment or stage; a channel, city or category by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFigures:
    """The figures of a slice."""

    slice: Slice
    label: str
    """The value as people read it, as far as the data name it."""
    metrics: Metrics
    """Computed over the orders of the slice alone: a customer is new with the first of them. Spend and acquisition
    cost are None, since spend is not recorded by slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The customers whose first order lies in one period."""

    start: date
    """First day of that period."""
    customers: int
    kept: tuple[int, ...]
    """How many of them ordered in that period, the next one, and so on up to the last whole one."""
    revenue: tuple[Money, ...]
    """What they spent in each of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohorts:
    """A retention matrix."""

    period: PeriodKind
    rows: tuple[Cohort, ...]
    """Earliest first; periods in which nobody was new are there too."""
