"""What the shared parts of pages are given; `docs/reference/ui-kit.md` shows each with an example."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final, Literal, TypeVar

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from sadakat.platform.ui import formats

Tone = Literal["", "good", "warn", "bad", "accent", "off"]
Key = TypeVar("Key", bound=str)
MAX_PAGE: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a figure moved; direction is an icon and judgement a word, so that colour never stands alone."""

    text: str
    """Formatted with its sign, by `formats.percent_change` or `formats.points_change`."""
    is_good: bool | None = None
    """None where a move is neither good nor bad."""

    @property
    def icon(self) -> str:
        """An arrow for the sign; none where nothing moved."""
        return {"+": "arrow-up", "−": "arrow-down"}.get(self.text[:1], "")

    @property
    def tone(self) -> Tone:
        """The colour's class."""
        if not self.icon or self.is_good is None:
            return ""
        return "good" if self.is_good else "bad"

    @property
    def word(self) -> str:
        """What the colour means, read out."""
        return {"good": gettext("better"), "bad": gettext("worse")}.get(self.tone, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure with its period, change, definition and shape."""

    label: str
    value: str
    """Formatted."""
    note: str
    """Its period."""
    change: Change | None = None
    definition_url: str = ""
    spark: SafeString | str = ""
    """From `charts.sparkline`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that needs the reader: a fact, a reason, one verb."""

    title: str
    reason: str
    verb: str
    url: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One choice of a segmented control; the id keeps the focus when the card is swapped."""

    id: str
    label: str
    url: str
    is_current: bool = False


def tabs(name: str, labels: Mapping[Key, object], *, current: str, url: Callable[[Key], str]) -> list[Tab]:
    """The choices of a segmented control by their keys; `name` begins their ids."""
    return [
        Tab(id=f"{name}-{key}", label=str(label), url=url(key), is_current=key == current)
        for key, label in labels.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """What stands where nothing is yet: the sentence and what to do next."""

    icon: str
    title: str
    text: str = ""
    url: str = ""
    verb: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineItem:
    """One thing that happened."""

    icon: str
    title: str
    at: datetime
    clock: str
    """Formatted, by `formats.clock`."""
    text: str = ""
    url: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; `key` names its order in the address, and a column without one cannot be sorted by."""

    label: str | Promise
    key: str = ""
    is_numeric: bool = False
    starts_descending: bool = False
    """Which way the first click sorts: true for amounts and dates, false for names."""


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading as it is drawn."""

    label: str | Promise
    id: str
    is_numeric: bool
    url: str
    direction: str
    """Value of aria-sort; empty where the table is not sorted by this column."""
    icon: str


@dataclass(frozen=True, slots=True)
class Pager:
    """Where in the list we are, in words, and the ways onward; an empty address is no way."""

    text: str
    previous_url: str
    next_url: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A list with sorting and pages, both in the address; the rows are written by the page's own template."""

    caption: str
    columns: Sequence[Column]
    empty: Empty
    path: str
    query: Mapping[str, Sequence[str]]
    """Of the address; a name may stand there several times."""
    order: str
    """Key of the column sorted by, with a leading minus when descending; empty for an order of its own."""
    page: int
    page_size: int
    total: int
    """Rows on all pages."""
    export_url: str = ""
    rows: Sequence[object] = field(default_factory=list)

    @property
    def has_rows(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.rows)

    @property
    def needs_foot(self) -> bool:
        """Whether there is a pager or an export."""
        return bool(self.pager or self.export_url)

    def _url(self, **changes: str) -> str:
        parts = {key: value for key, value in {**self.query, **changes}.items() if any(value)}
        return f"{self.path}?{urlencode(parts, doseq=True)}" if parts else self.path

    def _head(self, column: Column) -> Head:
        is_down, key = self.order.startswith("-"), self.order.removeprefix("-")
        is_sorted = bool(column.key) and column.key == key
        descending = not is_down if is_sorted else column.starts_descending
        url = self._url(order=f"{'-' if descending else ''}{column.key}", page="") if column.key else ""
        direction = ("descending" if is_down else "ascending") if is_sorted else ""
        icon = ("arrow-down" if is_down else "arrow-up") if is_sorted else "chevrons-up-down"
        return Head(column.label, f"sort-{column.key}", column.is_numeric, url, direction, icon)

    @property
    def heads(self) -> list[Head]:
        """The columns' headings."""
        return [self._head(column) for column in self.columns]

    @cached_property
    def pager(self) -> Pager | None:
        """None where everything fits on one page."""
        if self.total <= self.page_size:
            return None
        first = (self.page - 1) * self.page_size + 1
        last = min(self.total, first + len(self.rows) - 1)
        text = gettext("%(first)s to %(last)s of %(total)s") % {
            "first": formats.number(first),
            "last": formats.number(last),
            "total": formats.number(self.total),
        }
        back = self._url(page=str(self.page - 1) if self.page > 2 else "") if self.page > 1 else ""
        onward = self._url(page=str(self.page + 1)) if last < self.total else ""
        return Pager(text, back, onward)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which order and page an address asks for; nonsense means the first page in the usual order."""

    order: str
    page: int


def asked(request: HttpRequest, *, columns: Sequence[Column], usual_order: str) -> Asked:
    """Reads `order` and `page` of the address, letting through only what `columns` offer."""
    order = request.GET.get("order", "")
    if order.removeprefix("-") not in {column.key for column in columns if column.key}:
        order = usual_order
    page = request.GET.get("page", "")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < len(str(MAX_PAGE)) else 1
    return Asked(order, max(1, number))


def table(
    request: HttpRequest,
    *,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[object],
    total: int,
    page_size: int,
    ask: Asked,
    empty: Empty,
    export_url: str = "",
) -> Table:
    """A table for `{% table %}` whose links keep the rest of this page's address."""
    return Table(
        caption=caption,
        columns=columns,
        rows=rows,
        total=total,
        page=ask.page,
        page_size=page_size,
        order=ask.order,
        empty=empty,
        export_url=export_url,
        path=request.path,
        query=dict(request.GET.lists()),
    )


def short_table(
    request: HttpRequest, *, caption: str, columns: Sequence[Column], rows: Sequence[object], empty: Empty
) -> Table:
    """A table that stands on one page in an order of its own."""
    return table(
        request,
        caption=caption,
        columns=columns,
        rows=rows,
        total=len(rows),
        page_size=max(1, len(rows)),
        ask=Asked("", 1),
        empty=empty,
    )
