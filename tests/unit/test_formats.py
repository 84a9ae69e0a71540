"""Numbers, money and moments in both languages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from sadakat.platform.ui import formats

ISTANBUL = ZoneInfo("Europe/Istanbul")
AT = datetime(2026, 11, 12, 11, 5, tzinfo=UTC)
DAY = date(2026, 11, 12)


@pytest.mark.parametrize(
    ("write", "english", "turkish"),
    [
        (lambda: formats.number(18412), "18,412", "18.412"),
        (lambda: formats.number(-1234.5, decimals=1), "−1,234.5", "−1.234,5"),
        (lambda: formats.number(-0.2), "0", "0"),
        (lambda: formats.number(Decimal("2.5")), "3", "3"),
        (lambda: formats.compact(1_234_567), "1.2M", "1,2 Mn"),
        (lambda: formats.compact(-12_345), "−12.3K", "−12,3 B"),
        (lambda: formats.compact(0), "0", "0"),
        (lambda: formats.percent(0.418), "41.8%", "%41,8"),
        (lambda: formats.percent(0.1225, decimals=1), "12.3%", "%12,3"),
        (lambda: formats.percent(1, decimals=0), "100%", "%100"),
        (lambda: formats.percent_change(-0.0234), "−2.3%", "−%2,3"),
        (lambda: formats.percent_change(0.046), "+4.6%", "+%4,6"),
        (lambda: formats.percent_change(-0.0004), "0.0%", "%0,0"),
        (lambda: formats.points_change(0.021), "+2.1 pt", "+2,1 puan"),
        (lambda: formats.points_change(-0.3), "−30.0 pt", "−30,0 puan"),
        (lambda: formats.money(128_450, currency="TRY"), "₺1,284.50", "₺1.284,50"),
        (lambda: formats.money(-5, currency="USD"), "−$0.05", "−$0,05"),
        (lambda: formats.money(128_450, currency="TRY", has_decimals=False), "₺1,285", "₺1.285"),
        (lambda: formats.money(1234, currency="JPY"), "¥1,234", "¥1.234"),
        (lambda: formats.money(1_234_567, currency="KWD"), "KWD1,234.567", "KWD1.234,567"),
        (lambda: formats.compact_money(250_000_000, currency="TRY"), "₺2.5M", "₺2,5 Mn"),
        (lambda: formats.compact_money(-25_000, currency="USD"), "−$250", "−$250"),
        (lambda: formats.long_date(DAY), "12 November 2026", "12 Kasım 2026"),
        (lambda: formats.short_date(DAY), "12 Nov 2026", "12 Kas 2026"),
        (lambda: formats.day_month(DAY), "12 Nov", "12 Kas"),
        (lambda: formats.month(DAY), "Nov 2026", "Kas 2026"),
        (lambda: formats.instant(AT, zone=ISTANBUL), "12 Nov 2026 14:05", "12 Kas 2026 14:05"),
        (lambda: formats.clock(AT, zone=ISTANBUL), "14:05", "14:05"),
        (lambda: formats.relative(AT - timedelta(days=3), now=AT), "3 days ago", "3 gün önce"),
        (lambda: formats.relative(AT + timedelta(hours=2), now=AT), "in 2 hours", "2 saat sonra"),
    ],
)
@pytest.mark.usefixtures("template")
def test_both_languages(write, english, turkish) -> None:
    with translation.override("en"):
        assert write() == english
    with translation.override("tr"):
        assert write() == turkish


def test_instant_falls_on_the_day_of_the_zone() -> None:
    late = datetime(2026, 11, 12, 22, 30, tzinfo=UTC)
    assert formats.instant(late, zone=ISTANBUL) == "13 Nov 2026 01:30"


@pytest.mark.parametrize(
    "written",
    [
        formats.number(None),
        formats.compact(None),
        formats.percent(None),
        formats.percent_change(None),
        formats.points_change(None),
        formats.money(None, currency="TRY"),
        formats.compact_money(None, currency="TRY"),
        formats.long_date(None),
        formats.short_date(None),
        formats.day_month(None),
        formats.month(None),
        formats.instant(None, zone=ISTANBUL),
        formats.clock(None, zone=ISTANBUL),
        formats.relative(None, now=AT),
    ],
)
def test_the_unknown_is_a_dash(written: str) -> None:
    assert written == "–"
