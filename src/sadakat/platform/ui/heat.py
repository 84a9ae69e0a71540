"""Heat maps: a table whose cells are shaded by their value, light enough for one colour of ink."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sadakat.platform.ui.charts import Format, Value

SHADES: Final = 8
"""Steps from no shade to the strongest; classes `h0` to `h8`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of the map."""

    text: str
    shade: int
    """0 to `SHADES`."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its head; `note` is a figure of the whole row, such as how many people it is about."""

    label: str
    note: str
    cells: Sequence[Cell | None]
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """For `{% heat_map map %}`; the first head stands over the labels, the second over the notes, empty for none."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Row]
    has_notes: bool


def heat_map(
    *,
    caption: str,
    heads: Sequence[str],
    rows: Sequence[tuple[str, str, Sequence[Value]]],
    show: Format,
    top: float | None = None,
) -> HeatMap:
    """A map of values; shades go from 0 to `top`, by default the largest value. None leaves a gap.

    `heads` begin with the heads of labels and notes; rows are (label, note, values).

    >>> heat_map(caption="", heads=["", "", "A"], rows=[("r", "", [1, None])], show=str).rows[0].cells
    [Cell(text='1', shade=8), None]
    """
    largest = max((value or 0 for _, _, values in rows for value in values), default=0) if top is None else top

    def cell(value: Value) -> Cell | None:
        return None if value is None else Cell(show(value), shade(value, top=largest))

    return HeatMap(
        caption=caption,
        heads=heads,
        rows=[Row(label, note, [cell(value) for value in values]) for label, note, values in rows],
        has_notes=any(note for _, note, _ in rows),
    )


def shade(value: float, *, top: float) -> int:
    """The step of a value between 0 and `top`.

    >>> shade(0, top=10), shade(0.1, top=10), shade(10, top=10), shade(3, top=0)
    (0, 1, 8, 0)
    """
    return min(SHADES, max(0, -int(-value * SHADES // top))) if top > 0 else 0
