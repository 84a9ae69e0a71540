"""Charts: ticks, gaps, and the cases in which there is little to draw."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.platform.ui import charts

WEEKS = ["W1", "W2", "W3", "W4"]


def _line(*series: charts.Series, labels: list[str] = WEEKS) -> charts.Chart:
    return charts.line(title="Revenue", label_name="Week", labels=labels, series=series, show=str)


def _paths(chart: charts.Chart, css: str) -> list[str]:
    return re.findall(rf'<path class="{css}" d="([^"]*)"', chart.drawing)


def _tick_labels(chart: charts.Chart) -> list[str]:
    found = re.search(r'<div class="y">(.*?)</div>', chart.drawing)
    assert found
    return re.findall(r"<span>([^<]*)</span>", found[1])


@given(st.floats(-1e12, 1e12, allow_subnormal=False), st.floats(-1e12, 1e12, allow_subnormal=False))
def test_ticks_are_few_even_and_hold_everything(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    ticks = charts._ticks(low, high)
    assert len(ticks) <= charts.MAX_TICKS
    assert 0 in ticks
    assert ticks[0] <= low or low >= 0
    assert ticks[-1] >= high or high <= 0
    steps = [after - before for before, after in pairwise(ticks)]
    assert all(step == pytest.approx(steps[0]) for step in steps)


def test_line_stands_on_zero_and_is_scaled_to_round_ticks() -> None:
    chart = _line(charts.Series("This year", [0, 100, 50, 200]), charts.Series("Before", [50, 50, 50, 50], "b"))
    assert _tick_labels(chart) == ["0.0", "50.0", "100.0", "150.0", "200.0"]
    assert _paths(chart, "line a") == ["M125 240L375 120L625 180L875 0"]
    assert _paths(chart, "line b") == ["M125 180L375 180L625 180L875 180"]
    assert _paths(chart, "area") == ["M125 240L375 120L625 180L875 0L875 240L125 240Z"]


def test_table_holds_the_same_figures() -> None:
    chart = _line(charts.Series("This year", [1, None, 3, 4]), charts.Series("Before", [5, 6, 7, 8], "b"))
    assert [one.name for one in chart.legend] == ["This year", "Before"]
    assert chart.rows == [("W1", ["1", "5"]), ("W2", ["None", "6"]), ("W3", ["3", "7"]), ("W4", ["4", "8"])]


def test_missing_value_leaves_a_gap_and_a_lonely_one_is_a_dot() -> None:
    chart = _line(charts.Series("x", [100, 100, None, 100]))
    assert _paths(chart, "line a") == ["M125 0L375 0", "M875 0h0"]
    assert len(_paths(chart, "area")) == 1
    assert chart.drawing.count("<circle") == 3


def test_nothing_but_zero_is_a_line_on_the_ground() -> None:
    chart = _line(charts.Series("x", [0, 0, 0, 0]))
    assert _tick_labels(chart) == ["0"]
    assert _paths(chart, "line a") == ["M125 240L375 240L625 240L875 240"]


def test_one_point_is_a_dot_in_the_middle() -> None:
    chart = _line(charts.Series("x", [5]), labels=["W1"])
    assert _paths(chart, "line a") == ["M500 0h0"]


@pytest.mark.parametrize("values", [[], [None, None]])
def test_nothing_at_all_still_draws_its_axes(values: list[None]) -> None:
    chart = _line(charts.Series("x", values), labels=WEEKS[: len(values)])
    assert _paths(chart, "line a") == []
    assert _tick_labels(chart) == ["0"]


def test_values_below_zero_hang_from_a_marked_zero() -> None:
    chart = charts.bars(
        title="Refunds", label_name="Month", value_name="Refunds", labels=["a", "b"], values=[100, -100], show=str
    )
    bars = re.findall(r'<rect class="bar" x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"', chart.drawing)
    assert bars == [("100.0", "0.0", "300.0", "120.0"), ("600.0", "120.0", "300.0", "120.0")]
    assert '<line class="grid zero" x1="0" x2="1000" y1="120.0" y2="120.0"/>' in chart.drawing


def test_labels_are_thinned_by_their_length_and_more_on_a_phone() -> None:
    drawing = _line(charts.Series("x", [1] * 26), labels=[f"{n} Kas" for n in range(26)]).drawing
    css = re.findall(r'<span class="([^"]*)">\d+ Kas</span>', drawing)
    assert len(css) == 26
    wide = sum(name in {"", "wide"} for name in css)
    narrow = sum(name in {"", "narrow"} for name in css)
    assert wide * 54 <= 520
    assert narrow * 54 <= 270
    assert 3 <= narrow < wide


def test_words_are_escaped_and_nothing_is_styled_inline() -> None:
    drawing = _line(charts.Series("<b>", [1, 2, 3, 4]), labels=["<i>"] * 4).drawing
    assert "<b>" not in drawing
    assert "<i>" not in drawing
    assert "style=" not in drawing


def test_series_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="4 labels but 1 values in 'x'"):
        _line(charts.Series("x", [1]))


@pytest.mark.parametrize(
    ("values", "path", "last"),
    [
        ([1, 3], "M3 29L93 3", ("93.0", "3.0")),
        ([2, 2], "M3 16L93 16", ("93.0", "16.0")),
        ([7], "M93 16h0", ("93", "16.0")),
        ([1, None, 3], "M3 29h0M93 3h0", ("93.0", "3.0")),
    ],
)
def test_sparkline(values: list[float | None], path: str, last: tuple[str, str]) -> None:
    drawing = charts.sparkline(values)
    assert f'd="{path}"' in drawing
    assert f'cx="{last[0]}" cy="{last[1]}"' in drawing


def test_sparkline_of_nothing_is_nothing() -> None:
    assert charts.sparkline([None, None]) == ""
    assert charts.sparkline([]) == ""


def test_a_funnel_falls_from_step_to_step() -> None:
    chart = charts.funnel(
        title="Steps", label_name="Step", value_name="Customers", labels=["1. A", "2. B"], values=[200, 50], show=str
    )
    bars = re.findall(r'<rect class="bar" x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)"', chart.drawing)
    assert bars == [("75.0", "0.0", "350.0", "240.0"), ("575.0", "180.0", "350.0", "60.0")]
    assert _paths(chart, "area") == ["M425.0 0.0L575.0 180.0V240.0H425.0Z"]
    assert chart.rows == [("1. A", ["200"]), ("2. B", ["50"])]
    assert 'width="24.0"' in charts.share_bar(0.25)
