"""Charts drawn on the server: plain SVG that stretches, words in HTML so that they never scale.

A chart starts at zero, has at most six ticks, and carries the same figures as a table. Colours come from
classes; there are no style attributes, which the content security policy would refuse. A missing value (None)
leaves a gap.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

Value = int | float | None
Format = Callable[[int | float | None], str]
MAX_TICKS: Final = 6
_WIDTH, _HEIGHT = 1000, 240
# Room for labels on a phone and in a card on a desk, and the width of a letter of 12 px.
_NARROW, _WIDE, _LETTER, _GAP = 250, 480, 7, 12


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart; `css` is `a` for this period and `b`, dotted, for the one before."""

    name: str
    values: Sequence[Value]
    css: str = "a"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing and the table behind it, for `ui/parts/chart.html`."""

    title: str
    drawing: SafeString
    label_name: str
    """Heading of the table's first column: what one point stands for."""
    legend: Sequence[Series]
    rows: Sequence[tuple[str, Sequence[str]]]
    """Label and formatted values, in the order of the legend."""


def _ticks(low: float, high: float) -> list[float]:
    """Round steps (1, 2, 2.5 or 5 times a power of ten) around zero, `low` and `high`; or just zero."""
    low, high = min(low, 0), max(high, 0)
    if low == high:
        return [0]
    power = 10.0 ** math.floor(math.log10((high - low) / (MAX_TICKS - 1)))
    for step in (factor * power for factor in (1, 2, 2.5, 5, 10, 20)):
        first, last = math.floor(low / step), math.ceil(high / step)
        if last - first < MAX_TICKS:
            return [step * n for n in range(first, last + 1)]
    raise AssertionError(f"no round step for {low} to {high}")


def _height_of(ticks: Sequence[float]) -> Callable[[float], float]:
    span = (ticks[-1] - ticks[0]) or 1
    return lambda value: round(_HEIGHT * (1 - (value - ticks[0]) / span), 1)


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The unbroken runs of points between gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(run: Sequence[tuple[float, float]]) -> str:
    # A run of one is a line of no length: its round cap shows as a dot.
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in run) + ("h0" if len(run) == 1 else "")


def _grid(ticks: Sequence[float], height_of: Callable[[float], float]) -> SafeString:
    return format_html_join(
        "",
        '<line class="grid{}" x1="0" x2="{}" y1="{}" y2="{}"/>',
        ((" zero" if t == 0 and ticks[0] < 0 else "", _WIDTH, y, y) for t in ticks for y in [height_of(t)]),
    )


def _y_labels(ticks: Sequence[float], show: Format) -> SafeString:
    # The ticks are evenly spaced, so the flex box places them.
    return format_html('<div class="y">{}</div>', format_html_join("", "<span>{}</span>", ((show(t),) for t in ticks)))


def _x_labels(labels: Sequence[str]) -> SafeString:
    """As many labels as fit: fewer on a phone. Each point keeps its place."""
    room = max(map(len, labels), default=1) * _LETTER + _GAP
    wide, narrow = (max(1, math.ceil(len(labels) / max(1, width // room))) for width in (_WIDE, _NARROW))

    def css(n: int) -> str:
        in_wide, in_narrow = n % wide == wide // 2, n % narrow == narrow // 2
        return {(True, True): "", (True, False): "wide", (False, True): "narrow", (False, False): "never"}[
            in_wide, in_narrow
        ]

    spans = format_html_join("", '<span class="{}">{}</span>', ((css(n), text) for n, text in enumerate(labels)))
    return format_html('<div class="x">{}</div>', spans)


def _tip(n: int, labels: Sequence[str], series: Sequence[Series], height: float | None, show: Format) -> SafeString:
    # In the middle third a tip is centred; elsewhere it would stick out of a phone.
    edge = "first" if 3 * n < len(labels) else "last" if 3 * n >= 2 * len(labels) else ""
    values = format_html_join(
        "",
        '<span class="{}">{} <strong>{}</strong></span>',
        ((one.css, one.name, show(one.values[n])) for one in series),
    )
    dot = mark_safe("") if height is None else format_html('<svg><circle cy="{}%"/></svg>', height)
    opening = format_html('<li class="{}">', edge) if edge else mark_safe("<li>")
    return format_html("{}{}<p>{}{}</p></li>", opening, dot, labels[n], values)


def _tips(labels: Sequence[str], series: Sequence[Series], heights: Sequence[float | None], show: Format) -> SafeString:
    tips = format_html_join("", "{}", ((_tip(n, labels, series, heights[n], show),) for n in range(len(labels))))
    return format_html('<ul class="tips">{}</ul>', tips)


def _frame(title: str, size: str, y: SafeString, shapes: SafeString, tips: SafeString, x: SafeString) -> SafeString:
    return format_html(
        '<div class="chart {}" role="img" aria-label="{}">{}<div class="plot"><svg viewBox="0 0 {} {}" '
        'preserveAspectRatio="none">{}</svg>{}</div>{}</div>',
        size,
        title,
        y,
        _WIDTH,
        _HEIGHT,
        shapes,
        tips,
        x,
    )


def _check(labels: Sequence[str], series: Sequence[Series]) -> None:
    for one in series:
        if len(one.values) != len(labels):
            raise ValueError(f"{len(labels)} labels but {len(one.values)} values in {one.name!r}")


def _chart(
    title: str,
    label_name: str,
    labels: Sequence[str],
    series: Sequence[Series],
    show: Format,
    drawing: SafeString,
) -> Chart:
    rows = [(label, [show(one.values[n]) for one in series]) for n, label in enumerate(labels)]
    return Chart(title=title, drawing=drawing, label_name=label_name, legend=series, rows=rows)


def _scale(series: Sequence[Series]) -> list[float]:
    known = [value for one in series for value in one.values if value is not None]
    return _ticks(min(known, default=0), max(known, default=0))


def line(
    *,
    title: str,
    label_name: str,
    labels: Sequence[str],
    series: Sequence[Series],
    show: Format,
    show_tick: Format | None = None,
) -> Chart:
    """Lines over time; the first one is filled to zero and carries the hovering dot.

    Args:
        title: What the chart shows, read out in its place.
        label_name: What a label is, such as Week.
        labels: One for each point.
        series: Each with as many values as there are labels.
        show: Writes a value in the tips and in the table.
        show_tick: Writes a value at the axis; `show` when not given.

    Raises:
        ValueError: a series has another number of values than there are labels.
    """
    _check(labels, series)
    ticks = _scale(series)
    height_of = _height_of(ticks)

    def points(values: Sequence[Value]) -> list[tuple[float, float] | None]:
        step = _WIDTH / max(1, len(labels))
        return [None if v is None else (round((n + 0.5) * step, 1), height_of(v)) for n, v in enumerate(values)]

    first = points(series[0].values) if series else []
    zero = height_of(0)
    areas = [f"{_path(run)}L{run[-1][0]:g} {zero:g}L{run[0][0]:g} {zero:g}Z" for run in _runs(first) if len(run) > 1]
    paths = [(one.css, _path(run)) for one in reversed(series) for run in _runs(points(one.values))]
    shapes = format_html(
        "{}{}{}",
        _grid(ticks, height_of),
        format_html_join("", '<path class="area" d="{}"/>', ((area,) for area in areas)),
        format_html_join("", '<path class="line {}" d="{}"/>', paths),
    )
    heights = [None if point is None else round(100 * point[1] / _HEIGHT, 1) for point in first]
    drawing = _frame(
        title,
        "",
        _y_labels(ticks, show_tick or show),
        shapes,
        _tips(labels, series, heights, show),
        _x_labels(labels),
    )
    return _chart(title, label_name, labels, series, show, drawing)


def bars(
    *,
    title: str,
    label_name: str,
    value_name: str,
    labels: Sequence[str],
    values: Sequence[Value],
    show: Format,
    show_tick: Format | None = None,
) -> Chart:
    """Upright bars from zero, low enough for a card; arguments as for `line`.

    Raises:
        ValueError: there is another number of values than of labels.
    """
    series = [Series(value_name, values)]
    _check(labels, series)
    ticks = _scale(series)
    height_of = _height_of(ticks)
    zero, step = height_of(0), _WIDTH / max(1, len(labels))
    rects = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>',
        (
            (round((n + 0.2) * step, 1), min(y, zero), round(0.6 * step, 1), round(abs(zero - y), 1))
            for n, value in enumerate(values)
            if value is not None
            for y in [height_of(value)]
        ),
    )
    shapes = format_html("{}{}", _grid(ticks, height_of), rects)
    tips = _tips(labels, series, [None] * len(labels), show)
    drawing = _frame(title, "low", _y_labels(ticks, show_tick or show), shapes, tips, _x_labels(labels))
    return _chart(title, label_name, labels, series, show, drawing)


def funnel(
    *, title: str, label_name: str, value_name: str, labels: Sequence[str], values: Sequence[int], show: Format
) -> Chart:
    """Steps that fewer and fewer come to: bars, with what is lost between them falling away; arguments as for `bars`.

    Raises:
        ValueError: there is another number of values than of labels.
    """
    series = [Series(value_name, values)]
    _check(labels, series)
    # People are whole: a scale up to one would have ticks between them.
    ticks = _ticks(0, max(*values, MAX_TICKS - 1))
    height_of = _height_of(ticks)
    zero, step = height_of(0), _WIDTH / max(1, len(labels))
    tops = [height_of(value) for value in values]
    sides = [(round((n + 0.15) * step, 1), round((n + 0.85) * step, 1)) for n in range(len(values))]
    falls = format_html_join(
        "",
        '<path class="area" d="M{} {}L{} {}V{}H{}Z"/>',
        ((sides[n][1], tops[n], sides[n + 1][0], tops[n + 1], zero, sides[n][1]) for n in range(len(values) - 1)),
    )
    rects = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>',
        (
            (left, top, round(right - left, 1), round(zero - top, 1))
            for (left, right), top in zip(sides, tops, strict=True)
        ),
    )
    shapes = format_html("{}{}{}", _grid(ticks, height_of), falls, rects)
    tips = _tips(labels, series, [None] * len(labels), show)
    drawing = _frame(title, "low", _y_labels(ticks, show), shapes, tips, _x_labels(labels))
    return _chart(title, label_name, labels, series, show, drawing)


def share_bar(share: float) -> SafeString:
    """A thin bar as long as a share, for a table's cell; the figure stands beside it in words."""
    return format_html(
        '<svg width="96" height="8" aria-hidden="true"><rect class="bar" width="{}" height="8"/></svg>',
        round(96 * share, 1),
    )


def sparkline(values: Sequence[Value]) -> SafeString:
    """The shape of a figure's last periods, between its own lowest and highest; empty where nothing is known.

    It decorates a figure that stands beside it in words, so it is not read out.
    """
    known = [value for value in values if value is not None]
    if not known:
        return mark_safe("")
    low, high = min(known), max(known)
    step = 90 / max(1, len(values) - 1)

    def point(n: int, value: float) -> tuple[float, float]:
        share = 0.5 if high == low else (value - low) / (high - low)
        return (round(3 + n * step, 1) if len(values) > 1 else 93, round(29 - 26 * share, 1))

    points = [None if value is None else point(n, value) for n, value in enumerate(values)]
    last = next(p for p in reversed(points) if p is not None)
    path = "".join(_path(run) for run in _runs(points))
    return format_html(
        '<svg class="spark" viewBox="0 0 96 32" aria-hidden="true"><path d="{}"/>'
        '<circle cx="{}" cy="{}" r="2.5"/></svg>',
        path,
        *last,
    )
