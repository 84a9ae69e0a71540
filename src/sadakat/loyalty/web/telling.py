"""The programme told as sentences in the reader's language."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sadakat.commerce import api as commerce
from sadakat.loyalty.types import (
    ActiveFrom,
    Burning,
    Cap,
    Downgrade,
    EarningRule,
    Expiry,
    Ladder,
    Multiplier,
    Per,
    Programme,
    Span,
    Tier,
    TierWindow,
    Validity,
)
from sadakat.loyalty.web import words
from sadakat.platform.ui import formats
from sadakat.segments import api as segments

Names = Callable[[], Mapping[str, str]]
_CAPS: Final[Mapping[Per, words.Word]] = {
    Per.DAY: gettext_lazy("at most %(most)s a day"),
    Per.MONTH: gettext_lazy("at most %(most)s a month"),
    Per.YEAR: gettext_lazy("at most %(most)s a year"),
    Per.EVER: gettext_lazy("at most %(most)s in all"),
}
_EXPIRIES: Final[Mapping[Span, Callable[[int], str]]] = {
    Span.DAYS: lambda n: ngettext("Active points expire after %(n)s day.", "Active points expire after %(n)s days.", n),
    Span.MONTHS: lambda n: ngettext(
        "Active points expire after %(n)s month.", "Active points expire after %(n)s months.", n
    ),
    Span.END_OF_MONTH: lambda n: ngettext(
        "Active points expire at the end of the month that is %(n)s month on.",
        "Active points expire at the end of the month that is %(n)s months on.",
        n,
    ),
    Span.END_OF_YEAR: lambda n: ngettext(
        "Active points expire at the end of the year that is %(n)s year on.",
        "Active points expire at the end of the year that is %(n)s years on.",
        n,
    ),
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a part of the programme says, and the conditions below it; `key` names the part that it is about."""

    text: str
    conditions: tuple[str, ...] = ()
    key: str = ""

    def whole(self) -> str:
        """In one line."""
        return "; ".join([self.text, *self.conditions])


@dataclass(frozen=True, slots=True)
class Topic:
    """Sentences about one matter; `part` names its form."""

    part: str
    title: str
    sentences: tuple[Sentence, ...]


def segment_names() -> Names:
    """What segments are called, by key; read when it is first asked for."""
    return cache(lambda: segments.names_of(segments.segments(include_archived=True)))


def told(programme: Programme, *, currency: str, names: Names | None = None) -> list[Topic]:
    """Everything that the programme says, topic by topic; who tells several gives the same `names` to each."""
    teller = _Teller(programme, currency, names or segment_names())
    return [
        Topic("rules", _("How points are earned"), tuple(map(teller.rule, programme.rules))),
        Topic("multipliers", _("When points are multiplied"), tuple(map(teller.multiplier, programme.multipliers))),
        Topic("tiers", _("Tiers"), tuple(teller.ladder(programme.ladder))),
        Topic("basics", _("Membership and the life of points"), tuple(map(Sentence, teller.basics()))),
        Topic("basics", _("Paying with points"), tuple(map(Sentence, teller.burning(programme.burning)))),
    ]


def changes(
    old: Programme, new: Programme, *, currency: str, names: Names | None = None
) -> tuple[list[str], list[str]]:
    """The sentences that come, and those that go, when `new` takes the place of `old`."""
    names = names or segment_names()
    before, after = _lines(old, currency, names), _lines(new, currency, names)
    return [line for line in after if line not in before], [line for line in before if line not in after]


def _lines(programme: Programme, currency: str, names: Names) -> list[str]:
    topics = told(programme, currency=currency, names=names)
    return [sentence.whole() for topic in topics for sentence in topic.sentences]


@dataclass(frozen=True, slots=True)
class _Teller:
    programme: Programme
    currency: str
    names: Names

    def _money(self, amount_minor: int) -> str:
        return formats.money(amount_minor, currency=self.currency)

    def rule(self, rule: EarningRule) -> Sentence:
        name, is_order = words.name_of(rule.name, default=rule.key), rule.event == "order"
        given = {"name": name, "event": rule.event, "points": words.points(rule.points)}
        if rule.points_per_unit is not None:
            amount, each = self._money(rule.unit_minor), words.decimal(rule.points_per_unit)
            template = ngettext(
                "%(name)s: %(n)s point for each %(amount)s",
                "%(name)s: %(n)s points for each %(amount)s",
                1 if rule.points_per_unit == 1 else 2,
            )
            text = template % {"name": name, "n": each, "amount": amount}
            if rule.points:
                text += " " + _("and %(points)s more") % {"points": words.points(rule.points)}
        else:
            text = (
                _("%(name)s: %(points)s for an order") if is_order else _("%(name)s: %(points)s for “%(event)s”")
            ) % given
        return Sentence(text, (*self._conditions(rule), *map(self._cap, rule.caps)), rule.key)

    def multiplier(self, one: Multiplier) -> Sentence:
        text = _("%(name)s: points × %(factor)s") % {
            "name": words.name_of(one.name, default=one.key),
            "factor": words.decimal(one.factor),
        }
        return Sentence(text, tuple(self._shared(one)), one.key)

    def _conditions(self, rule: EarningRule) -> Iterator[str]:
        for template, values in (
            (_("for these products: %(values)s"), rule.products),
            (_("for these categories: %(values)s"), rule.categories),
            (_("for these brands: %(values)s"), rule.brands),
        ):
            if values:
                yield template % {"values": ", ".join(values)}
        if rule.least_minor:
            yield _("from %(amount)s on") % {"amount": self._money(rule.least_minor)}
        if rule.nth_orders:
            numbers = words.listed([formats.number(n) for n in rule.nth_orders])
            yield _("only the customer's order number %(numbers)s") % {"numbers": numbers}
        if rule.weekdays:
            yield _("only on %(days)s") % {"days": words.listed([str(words.WEEKDAYS[day]) for day in rule.weekdays])}
        if rule.having:
            yield _("only when the event is as the file says")
        yield from self._shared(rule)

    def _shared(self, one: EarningRule | Multiplier) -> Iterator[str]:
        """Conditions that rules and multipliers have in common."""
        if one.channels:
            yield _("only by %(channels)s") % {
                "channels": words.listed([commerce.channel_name(c) for c in one.channels])
            }
        if one.stores:
            yield _("only in these stores: %(stores)s") % {"stores": ", ".join(one.stores)}
        if isinstance(one, Multiplier) and one.tiers:
            yield _("only for %(tiers)s") % {"tiers": words.listed([self._tier(key) for key in one.tiers])}
        if one.where:
            yield self._customers(one.where)
        if span := days(one.starts_on, one.ends_on):
            yield span

    def _customers(self, where: Mapping[str, Any]) -> str:
        if set(where) != {"segment"}:
            return _("only for customers who fit the rule in the file")
        key = where["segment"]
        return _("only for customers of the segment “%(name)s”") % {"name": self.names().get(key, key)}

    def _tier(self, key: str) -> str:
        names = {tier.key: tier.name for tier in self.programme.ladder.tiers}
        return words.name_of(names.get(key, {}), default=key)

    def _cap(self, cap: Cap) -> str:
        most = " ".join(
            [
                *([words.points(cap.points)] if cap.points is not None else []),
                *([_("and")] if cap.points is not None and cap.times is not None else []),
                *([words.times(cap.times)] if cap.times is not None else []),
            ]
        )
        if cap.per is Per.ORDER:
            return _("nothing at all for an order that would give more than %(most)s") % {"most": most}
        return str(_CAPS[cap.per]) % {"most": most}

    def basics(self) -> Iterator[str]:
        programme = self.programme
        if programme.is_enrolment_automatic:
            yield _("Whoever is known and orders becomes a member by it.")
        else:
            yield _("Customers become members by a form, at the till or by hand.")
        if programme.award_back_days:
            yield ngettext(
                "Orders of the %(n)s day before somebody joins earn points too.",
                "Orders of the %(n)s days before somebody joins earn points too.",
                programme.award_back_days,
            ) % {"n": formats.number(programme.award_back_days)}
        yield _("Of an order counts: %(basis)s.") % {"basis": words.BASES[programme.basis]}
        yield _("Multiplied points are rounded %(way)s.") % {"way": words.ROUNDINGS[programme.rounding]}
        yield self._activation()
        yield expiry(programme.expiry)
        yield _("When an order is refunded, its points are taken back: %(policy)s.") % {
            "policy": words.CLAW_BACKS[programme.claw_back]
        }

    def _activation(self) -> str:
        programme = self.programme
        match programme.active_from:
            case ActiveFrom.AFTER_DAYS:
                return ngettext(
                    "Points become active %(n)s day after the purchase.",
                    "Points become active %(n)s days after the purchase.",
                    programme.active_after_days,
                ) % {"n": formats.number(programme.active_after_days)}
            case ActiveFrom.ON_DATE:
                return _("Points become active on %(day)s.") % {"day": formats.long_date(programme.active_on)}
            case ActiveFrom.ON_EVENT:
                return _("Points become active when “%(event)s” happens.") % {"event": programme.active_on_event}
            case _:
                return _("Points are active at once.")

    def burning(self, burning: Burning) -> Iterator[str]:
        yield _("%(points)s are worth %(amount)s at checkout; points are spent in such whole steps.") % {
            "points": words.points(burning.points_step),
            "amount": self._money(burning.step_minor),
        }
        if burning.least_points:
            yield _("At least %(points)s at a time.") % {"points": words.points(burning.least_points)}
        yield _("Points pay at most %(share)s of an order.") % {
            "share": formats.percent(burning.most_share, decimals=0)
        }
        yield ngettext(
            "Points that a checkout has set aside are free again after %(n)s minute.",
            "Points that a checkout has set aside are free again after %(n)s minutes.",
            burning.hold_minutes,
        ) % {"n": formats.number(burning.hold_minutes)}

    def ladder(self, ladder: Ladder) -> Iterator[Sentence]:
        if not ladder.tiers:
            return
        for tier in ladder.tiers:
            yield self._step(tier, ladder)
        yield Sentence(
            _("What counts for a tier: %(metric)s in %(window)s. Returns lower it, spending points does not.")
            % {"metric": words.METRICS[ladder.metric], "window": window(ladder)}
        )
        kept = _("A tier is reached at once and holds %(validity)s.") % {"validity": validity(ladder)}
        if ladder.grace_days:
            kept += " " + ngettext("%(n)s day of grace follows.", "%(n)s days of grace follow.", ladder.grace_days) % {
                "n": formats.number(ladder.grace_days)
            }
        yield Sentence(kept)
        if ladder.downgrade is Downgrade.NONE or ladder.validity is Validity.FOR_EVER:
            yield Sentence(_("Nobody goes down."))
        elif ladder.downgrade is Downgrade.FULL:
            yield Sentence(_("Whoever has not earned it again comes to the tier that the figure gives."))
        else:
            yield Sentence(_("Whoever has not earned it again goes down by one tier."))

    def _step(self, tier: Tier, ladder: Ladder) -> Sentence:
        text = _("%(name)s from %(value)s on") % {
            "name": words.name_of(tier.name, default=tier.key),
            "value": words.metric_value(tier.threshold, metric=ladder.metric, currency=self.currency),
        }
        gives = [_("points × %(factor)s") % {"factor": words.decimal(tier.multiplier)}] if tier.multiplier != 1 else []
        return Sentence(text, (*gives, *benefits(tier)), tier.key)


def benefits(tier: Tier) -> list[str]:
    """The benefits of a tier in the reader's language, else in any."""
    by_language: Mapping[str, Any] = {language: "\n".join(texts) for language, texts in tier.benefits.items()}
    return words.name_of(by_language).splitlines()


def window(ladder: Ladder) -> str:
    """Over which time the figure of a ladder is counted."""
    if ladder.window is not TierWindow.TRAILING_MONTHS:
        return str(words.WINDOWS[ladder.window])
    months = ladder.window_months
    return ngettext("the last %(n)s month", "the last %(n)s months", months) % {"n": formats.number(months)}


def validity(ladder: Ladder) -> str:
    """How long a tier holds."""
    if ladder.validity is not Validity.MONTHS:
        return str(words.VALIDITIES[ladder.validity])
    months = ladder.validity_months
    return ngettext("for %(n)s month", "for %(n)s months", months) % {"n": formats.number(months)}


def expiry(how: Expiry) -> str:
    """When points go."""
    if how.span is Span.END_OF_MONTH and not how.count:
        return _("Active points expire at the end of the month.")
    if how.span is Span.END_OF_YEAR and not how.count:
        return _("Active points expire at the end of the year.")
    if how.span is Span.NEVER:
        return _("Points never expire.")
    return _EXPIRIES[how.span](how.count) % {"n": formats.number(how.count)}


def days(first: date | None, last: date | None) -> str:
    """From when to when something holds; empty when always."""
    values = {"first": formats.short_date(first), "last": formats.short_date(last)}
    if first and last:
        return _("from %(first)s to %(last)s") % values
    if first:
        return _("from %(first)s on") % values
    return _("until %(last)s") % values if last else ""
