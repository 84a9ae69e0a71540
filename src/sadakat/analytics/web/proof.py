"""What the brand's own data say of the usual claims about loyalty."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.analytics import api as analytics
from sadakat.analytics.types import Claim, ClaimKey, ClaimUnit, Verdict
from sadakat.analytics.web.pages import asked
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import export, formats, parts

TITLES: Final = {
    ClaimKey.ENGAGED_SPEND: gettext_lazy("Engaged customers spend 22% more"),
    ClaimKey.ENGAGED_OFTEN: gettext_lazy("Engaged customers buy three times as often"),
    ClaimKey.ENGAGED_RECOMMEND: gettext_lazy("Engaged customers recommend four times as often"),
    ClaimKey.ENGAGED_STAY: gettext_lazy("Engaged customers stay four years longer"),
    ClaimKey.RETURNING_SPEND: gettext_lazy("Customers who come back spend seven times as much"),
    ClaimKey.MEMBER_BASKET: gettext_lazy("Members' baskets are 12% larger"),
    ClaimKey.RETENTION_PROFIT: gettext_lazy("5 points more retention bring at least 25% more profit"),
    ClaimKey.COMPLAINTS_IGNORED: gettext_lazy("14% leave when complaints are ignored"),
    ClaimKey.BAD_EXPERIENCE: gettext_lazy("34% leave after one bad experience"),
    ClaimKey.COMPLAINTS_SOLVED: gettext_lazy("More than 80% come back after a solved complaint"),
    ClaimKey.SELL_EXISTING: gettext_lazy("An existing customer buys again with more than 60% probability"),
    ClaimKey.PRODUCT_QUALITY: gettext_lazy("75% name product quality as their reason"),
    ClaimKey.EMAIL_EFFECTIVE: gettext_lazy("E-mail is 56% more effective"),
}
MEANINGS: Final = {
    ClaimKey.ENGAGED_SPEND: gettext_lazy("Revenue per customer, those engaged on two days or more ÷ the others."),
    ClaimKey.ENGAGED_OFTEN: gettext_lazy("Orders per customer, those engaged on two days or more ÷ the others."),
    ClaimKey.ENGAGED_STAY: gettext_lazy(
        "Years from the first to the last order, engaged less the others; it cannot exceed what is recorded."
    ),
    ClaimKey.RETURNING_SPEND: gettext_lazy(
        "Revenue per customer, two orders or more in 365 days ÷ one order, which is partly arithmetic."
    ),
    ClaimKey.RETENTION_PROFIT: gettext_lazy(
        "Income of five years, discounted by 10% a year, with and without 5 points more retention at equal margin."
    ),
    ClaimKey.SELL_EXISTING: gettext_lazy("Of those who ordered in the 90 days before, who ordered within 30 days."),
}
VERDICTS: Final = {
    Verdict.SUPPORTS: (gettext_lazy("Holds here"), "good"),
    Verdict.WEAKER: (gettext_lazy("Weaker here"), "warn"),
    Verdict.UNCLEAR: (gettext_lazy("Not clear"), "off"),
    Verdict.CONTRADICTS: (gettext_lazy("The opposite here"), "bad"),
    Verdict.SILENT: (gettext_lazy("No data yet"), "off"),
}
MISSING: Final = {
    "few": gettext_lazy("Fewer than 30 customers on one side"),
    "feedback": gettext_lazy("Needs feedback from customers"),
    "cases": gettext_lazy("Needs complaints with their solutions"),
    "programme": gettext_lazy("Needs a loyalty programme with members"),
    "messages": gettext_lazy("Needs messages on more than one channel"),
}
SIDES: Final = {
    "engaged": gettext_lazy("engaged"),
    "others": gettext_lazy("others"),
    "returning": gettext_lazy("two orders or more"),
    "once": gettext_lazy("one order"),
    "active": gettext_lazy("active"),
    "year": gettext_lazy("of the year before"),
    "quarter": gettext_lazy("of the quarter before"),
    "month": gettext_lazy("of the month before"),
}
_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Claim")),
    parts.Column(label=gettext_lazy("Observed"), is_numeric=True),
    parts.Column(label=gettext_lazy("95% interval"), is_numeric=True),
    parts.Column(label=gettext_lazy("Says")),
    parts.Column(label=gettext_lazy("Customers compared")),
    parts.Column(label=gettext_lazy("How it is measured")),
]


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def proof(request: HttpRequest) -> HttpResponse:
    """Every claim, what is observed of it, and where the data are silent."""
    day, _period = asked(request, brand.current())
    found = analytics.proof(as_of=day)
    if request.GET.get("format") == "csv":
        return export.csv_answer(f"proof-{day}", heads=_HEADS, rows=[_plain(claim) for claim in found.claims])
    table = parts.short_table(
        request,
        caption=_("Claims"),
        columns=_COLUMNS,
        rows=[_row(claim) for claim in found.claims],
        empty=parts.Empty(icon="scale", title=_("No claims")),
    )
    return render(request, "analytics/proof.html", {"day": day, "table": table, "csv_url": f"?as_of={day}&format=csv"})


def _row(claim: Claim) -> dict[str, Any]:
    word, tone = VERDICTS[claim.verdict]
    observed = claim.observed
    ends = [_written(end, claim.unit) for end in (observed.low, observed.high)] if observed else []
    return {
        "title": TITLES[claim.key],
        "observed": _written(observed.value if observed else None, claim.unit),
        "interval": " – ".join(ends) or "–",
        "word": word,
        "tone": tone,
        "groups": " · ".join(f"{formats.number(count)} {SIDES[side]}" for side, count in claim.groups.items()),
        "text": MEANINGS[claim.key] if observed else MISSING[claim.missing],
    }


def _written(value: float | None, unit: ClaimUnit) -> str:
    match unit:
        case ClaimUnit.SHARE:
            return formats.percent(value)
        case ClaimUnit.RATIO:
            return "–" if value is None else f"{formats.number(value, decimals=2)} ×"
        case ClaimUnit.YEARS:
            return "–" if value is None else _("%(years)s years") % {"years": formats.number(value, decimals=2)}


_HEADS: Final = ("claim", "claimed", "unit", "observed", "low", "high", "verdict", "missing")


def _plain(claim: Claim) -> list[Any]:
    observed = claim.observed
    values: list[Any] = [observed.value, observed.low, observed.high] if observed else [""] * 3
    return [claim.key, claim.claimed, claim.unit, *values, claim.verdict, claim.missing]
