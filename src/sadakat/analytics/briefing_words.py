"""A week's briefing in words: one account of it for the page, the mail, the PDF and the command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sadakat.analytics import cards, goal_words
from sadakat.analytics.definitions import definitions
from sadakat.analytics.types.goals import Briefing, GoalState
from sadakat.commerce import api as commerce
from sadakat.platform.ui import formats, parts

_KNOWN_CHANNELS: Final = 6
"""So many channels are named; the others are added up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure: the last whole week, the week before and the same week a year before."""

    label: str
    value: str
    before: str
    change: parts.Change | None
    year_before: str
    year_change: parts.Change | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One way to divide the change of revenue; the parts add up to it."""

    title: str
    parts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A briefing in the language that is active."""

    title: str
    week: str
    summary: str
    figures: list[Line]
    total: str
    """The change of revenue that `reasons` divide."""
    reasons: list[Reason]
    needs: list[parts.Need]


def told(one: Briefing) -> Told:
    """The words of a briefing."""
    content, currency = one.content, str(one.content["currency"])
    why = content["why"]
    return Told(
        title=_("%(department)s: briefing of the week") % {"department": str(goal_words.DEPARTMENTS[one.department])},
        week=week_text(one.week_start),
        summary=_summary(why, currency=currency),
        figures=[_line(each, currency=currency) for each in content["figures"]],
        total=_signed(why["now"] - why["before"], currency=currency),
        reasons=_reasons(why, currency=currency),
        needs=[_NEEDS[each["kind"]](each, currency) for each in content["attention"]],
    )


def week_text(start: date) -> str:
    """A week by its first and last day."""
    return f"{formats.short_date(start)} – {formats.short_date(start + timedelta(days=6))}"


def _summary(why: Mapping[str, Any], *, currency: str) -> str:
    now, change = why["now"], why["now"] - why["before"]
    values = {"revenue": formats.money(now, currency=currency, has_decimals=False)}
    if not change:
        return _("Revenue was %(revenue)s, as in the week before.") % values
    if not why["before"]:
        return _("Revenue was %(revenue)s; the week before had none.") % values
    values["change"] = formats.percent_change(change / why["before"])
    names = ("customers", "frequency", "basket")
    # What pulled the way the whole went; one that pulled the other way explains nothing of it.
    name = max(names, key=lambda each: why[each] * (1 if change > 0 else -1))
    values["reason"] = _factor(name, change)
    return _("Revenue was %(revenue)s, %(change)s against the week before, most of it by %(reason)s.") % values


def _factor(name: str, change: float) -> str:
    words = {
        "customers": (_("more customers"), _("fewer customers")),
        "frequency": (_("more orders per customer"), _("fewer orders per customer")),
        "basket": (_("larger orders"), _("smaller orders")),
    }
    return words[name][0 if change > 0 else 1]


def _line(figure: Mapping[str, Any], *, currency: str) -> Line:
    name = figure["name"]
    definition = definitions()[name]

    def text(value: float | None) -> str:
        return goal_words.value_text(value, metric=name, currency=currency)

    return Line(
        label=definition.title,
        value=text(figure["now"]),
        before=text(figure["before"]),
        change=cards.change(figure["now"], figure["before"], definition),
        year_before=text(figure["year_before"]),
        year_change=cards.change(figure["now"], figure["year_before"], definition),
    )


def _reasons(why: Mapping[str, Any], *, currency: str) -> list[Reason]:
    def listed(pairs: list[tuple[str, int]]) -> list[tuple[str, str]]:
        return [(label, _signed(amount, currency=currency)) for label, amount in pairs]

    found = [
        Reason(
            title=_("Customers, frequency, order value"),
            parts=listed(
                [
                    (_("by the number of customers"), why["customers"]),
                    (_("by orders per customer"), why["frequency"]),
                    (_("by revenue per order"), why["basket"]),
                ]
            ),
        ),
        Reason(
            title=_("New and returning customers"),
            parts=listed([(_("New"), why["new"]), (_("Returning"), why["returning"])]),
        ),
    ]
    channels = [(commerce.channel_name(each["channel"]), each["change"]) for each in why["channels"]]
    if channels:
        others = sum(change for _name, change in channels[_KNOWN_CHANNELS:])
        shown = channels[:_KNOWN_CHANNELS] + ([(_("other channels"), others)] if channels[_KNOWN_CHANNELS:] else [])
        found.append(Reason(title=_("Channels"), parts=listed(shown)))
    return found


def _signed(amount_minor: int, *, currency: str) -> str:
    text = formats.money(amount_minor, currency=currency)
    return f"+{text}" if amount_minor > 0 else text


def _failed(said: Mapping[str, Any], _currency: str) -> parts.Need:
    count = said["count"]
    return parts.Need(
        title=ngettext("%(n)s event is set aside", "%(n)s events are set aside", count) % {"n": formats.number(count)},
        reason=_("They count nowhere until their cause is mended."),
        verb=_("See the reasons"),
        url=reverse("failed_events"),
        tone="bad",
    )


def _slipping(said: Mapping[str, Any], currency: str) -> parts.Need:
    count = said["count"]
    return parts.Need(
        title=ngettext("%(n)s regular customer is slipping away", "%(n)s regular customers are slipping away", count)
        % {"n": formats.number(count)},
        reason=_("No order for over twice their usual gap. So far they have spent %(revenue)s.")
        % {"revenue": formats.money(said["revenue"], currency=currency, has_decimals=False)},
        verb=_("See who"),
        url=reverse("slipping"),
        tone="warn",
    )


def _goal(said: Mapping[str, Any], currency: str) -> parts.Need:
    return goal_words.need(
        goal_id=said["id"],
        name=said["name"],
        state=GoalState(said["state"]),
        metric=said["metric"],
        target=said["target"],
        value=said["value"],
        expected=said["forecast"],
        by_date=date.fromisoformat(said["by_date"]),
        currency=currency,
    )


def _no_spend(_said: Mapping[str, Any], _currency: str) -> parts.Need:
    return parts.Need(
        title=_("No marketing spend is recorded for the week"),
        reason=_("Without it nobody knows what a new customer cost."),
        verb=_("Record spend"),
        url=reverse("spend"),
        tone="warn",
    )


def _conflicts(said: Mapping[str, Any], _currency: str) -> parts.Need:
    count = said["count"]
    return parts.Need(
        title=ngettext("%(n)s conflict of identity", "%(n)s conflicts of identity", count)
        % {"n": formats.number(count)},
        reason=_("Customers share a device or an address, and a limit keeps them apart."),
        verb=_("Review"),
        url=reverse("conflicts"),
        tone="warn",
    )


_NEEDS: Final[dict[str, Callable[[Mapping[str, Any], str], parts.Need]]] = {
    "failed_events": _failed,
    "slipping": _slipping,
    "goal": _goal,
    "no_spend": _no_spend,
    "conflicts": _conflicts,
}
