"""Files of marketing spend: what their rows mean."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from sadakat.analytics import rules
from sadakat.analytics.rules import SaidSpend
from sadakat.events.types import CellType, ImportField, ImportTarget, Row
from sadakat.events.types.files import Warn

# 11.2026, 11/2026 and 11-2026; the other way round is ISO's own.
_MONTH_FIRST: Final = re.compile(r"(\d{1,2})[./-](\d{4})", re.ASCII)
_YEAR_FIRST: Final = re.compile(r"(\d{4})[./-](\d{1,2})", re.ASCII)


class SpendTarget:
    """One row, one spend: of a day, of a span of days, or of a month."""

    name = "spend"
    label: object = _("Marketing spend")
    fields: Sequence[ImportField] = (
        ImportField(name="date", label=_("Day"), type=CellType.DAY, aliases=("day", "tarih", "gün")),
        ImportField(
            name="from_date",
            label=_("From"),
            type=CellType.DAY,
            aliases=("from", "start", "start date", "başlangıç", "başlangıç tarihi"),
        ),
        ImportField(
            name="to_date",
            label=_("To"),
            type=CellType.DAY,
            aliases=("to", "until", "end", "end date", "bitiş", "bitiş tarihi"),
        ),
        ImportField(name="month", label=_("Month"), aliases=("ay", "dönem")),
        ImportField(
            name="channel",
            label=_("Channel"),
            aliases=("kanal", "medium", "platform", "mecra"),
            is_required=True,
        ),
        ImportField(name="campaign", label=_("Campaign"), aliases=("kampanya", "campaign name", "kampanya adı")),
        ImportField(
            name="amount",
            label=_("Amount"),
            type=CellType.NUMBER,
            aliases=("spend", "cost", "harcama", "tutar", "maliyet", "harcanan tutar"),
            is_required=True,
        ),
        ImportField(name="currency", label=_("Currency"), aliases=("para birimi", "döviz", "kur")),
    )
    other_prefix = ""
    group_by = ""

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        """The event of each row.

        Raises:
            Invalid: days, channel or amount are missing or cannot be used.
        """
        return [self._message(row) for row in rows]

    def _message(self, row: Row) -> Mapping[str, Any]:
        said: dict[str, Any] = {
            name: str(value) if isinstance(value, date) else value for name, value in row.values.items()
        }
        if "month" in said:
            said["month"] = _month(str(said["month"]).strip())
        rules.spent(SaidSpend(**said))
        if "amount" in said:
            said["amount"] = str(said["amount"])
        return {"type": "track", "event": rules.SPEND_RECORDED, "properties": said}


def _month(text: str) -> str:
    """The ISO form of a month as people write it; anything else as it is.

    >>> _month("11.2026"), _month("2026/3"), _month("Kasım")
    ('2026-11', '2026-03', 'Kasım')
    """
    if found := _MONTH_FIRST.fullmatch(text):
        return f"{found[2]}-{int(found[1]):02}"
    found = _YEAR_FIRST.fullmatch(text)
    return f"{found[1]}-{int(found[2]):02}" if found else text


FILE_TARGETS: tuple[ImportTarget, ...] = (SpendTarget(),)
