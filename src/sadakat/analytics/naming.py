"""What the groups and their segments are called, for those who read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from sadakat.analytics.types import Group, Stage
from sadakat.segments import api as segments

GROUP_LABELS: Final = {
    Group.STAGE: gettext_lazy("Stage"),
    Group.PHASE: gettext_lazy("Phase"),
    Group.TYPE: gettext_lazy("Customer type"),
    Group.RFM: gettext_lazy("RFM"),
    Group.CLUSTER: gettext_lazy("Cluster"),
}
THRESHOLD_LABELS: Final = {
    "evaluation_pages": gettext_lazy("Evaluation: pages viewed, at least"),
    "evaluation_days": gettext_lazy("Evaluation: within days"),
    "loyalty_orders": gettext_lazy("Loyalty: orders, at least"),
    "loyalty_days": gettext_lazy("Loyalty: within days"),
    "win_back_days": gettext_lazy("Win-back: days without an order"),
    "orders": gettext_lazy("Loyal at all: orders in 365 days, at least"),
    "deal_share": gettext_lazy("Programme-loyal: share of orders with a coupon or a tenth off, at least"),
    "redemptions": gettext_lazy("Programme-loyal: or loyalty points spent, times at least"),
    "full_price_share": gettext_lazy("Pays full price: the same share, at most"),
    "place_share": gettext_lazy("Convenience-loyal: share of orders in one place, channel or time, at least"),
    "categories": gettext_lazy("Truly loyal: departments bought from, at least"),
    "rating": gettext_lazy("Satisfied: mean rating, at least"),
}
# What a cluster stands out by, where it lies below the mean and where above it.
_TRAITS: Final = {
    "recency_days": (gettext_noop("ordered lately"), gettext_noop("silent for long")),
    "orders": (gettext_noop("orders rarely"), gettext_noop("orders often")),
    "basket": (gettext_noop("small baskets"), gettext_noop("large baskets")),
    "deals": (gettext_noop("full price"), gettext_noop("many deals")),
    "categories": (gettext_noop("few departments"), gettext_noop("many departments")),
    "visits": (gettext_noop("rarely on the site"), gettext_noop("often on the site")),
}
Traits = Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A segment of a group in the language that is active."""

    name: str
    meaning: str


def words_of(group: Group, *, clusters: Sequence[Traits] = ()) -> Mapping[str, Words]:
    """The words of each segment of a group by its key; `clusters` say by what each one stands out."""
    match group:
        case Group.STAGE:
            found = _stages()
        case Group.PHASE:
            found = _phases()
        case Group.RFM:
            found = _lively() | _fading()
        case Group.TYPE:
            found = _types()
        case Group.CLUSTER:
            found = _clusters(clusters)
    return {f"{group}-{key}": Words(name=name, meaning=meaning) for key, (name, meaning) in found.items()}


def full_name(group: Group, words: Words) -> str:
    """The name that a segment goes by among all others: `RFM: Champions`."""
    return f"{GROUP_LABELS[group]}: {words.name}"


def stage_name(stage: Stage) -> str:
    """What a stage is called."""
    return _stages()[stage][0]


def register() -> None:
    """Has the segments of the groups told in the reader's language, wherever they are."""
    for group, label in GROUP_LABELS.items():
        segments.register_group_words(group, label=label, names=partial(_names_of, group))


def _names_of(group: Group) -> dict[str, str]:
    from sadakat.analytics import queries  # brings Ibis, which a process that only collects never needs

    found = words_of(group, clusters=queries.cluster_portraits() if group is Group.CLUSTER else ())
    return {key: full_name(group, words) for key, words in found.items()}


def _stages() -> dict[str, tuple[str, str]]:
    return {
        "awareness": (_("Awareness"), _("Known, and has neither looked closely nor ordered.")),
        "evaluation": (_("Evaluation"), _("Has looked at products lately and has not ordered yet.")),
        "purchase": (_("Purchase"), _("Has ordered, and not often enough to be loyal.")),
        "loyalty": (_("Loyalty"), _("Orders again and again.")),
    }


def _phases() -> dict[str, tuple[str, str]]:
    return {
        "acquisition": (_("Acquisition"), _("Has not ordered yet: to be won.")),
        "retention": (_("Retention"), _("Has ordered lately: to be kept.")),
        "win-back": (_("Win-back"), _("Has ordered, and not for long: to be won back.")),
    }


def _lively() -> dict[str, tuple[str, str]]:
    return {
        "champions": (_("Champions"), _("Order lately, often, and spend much.")),
        "loyal": (_("Loyal"), _("Order often, and not long ago.")),
        "potential-loyalists": (_("Potential loyalists"), _("Ordered lately, more than once.")),
        "new": (_("New"), _("Ordered just now, and hardly before.")),
        "promising": (_("Promising"), _("Ordered lately, and hardly before.")),
        "needs-attention": (_("Needs attention"), _("In the middle, and about to cool.")),
    }


def _fading() -> dict[str, tuple[str, str]]:
    return {
        "about-to-sleep": (_("About to sleep"), _("In the middle, with few and small orders.")),
        "cannot-lose": (_("Cannot lose them"), _("Ordered often and spent much, and have been silent since.")),
        "at-risk": (_("At risk"), _("Ordered often or spent much, and have been silent since.")),
        "hibernating": (_("Hibernating"), _("Silent for long, with few and small orders.")),
        "lost": (_("Lost"), _("Silent for longest, with few and small orders.")),
        "none": (_("Not scored"), _("No order, or not scored yet.")),
    }


def _types() -> dict[str, tuple[str, str]]:
    return {
        "satisfied": (_("Satisfied"), _("Comes back and is content, and is known not to be more than that.")),
        "convenience": (
            _("Convenience-loyal"),
            _("Comes back at full price, nearly always at one place, channel or time: what is near is chosen."),
        ),
        "programme": (_("Programme-loyal"), _("Comes back, and most orders carry a coupon or a discount.")),
        "truly-loyal": (_("Truly loyal"), _("Comes back at full price, for many things, and recommends the brand.")),
        "not-yet-loyal": (_("Not yet loyal"), _("Has ordered too seldom in the last 365 days.")),
        "unknown": (_("Unknown"), _("Comes back, and there is no evidence of why.")),
    }


def _clusters(clusters: Sequence[Traits]) -> dict[str, tuple[str, str]]:
    names = [", ".join(_(_TRAITS[column][is_high]) for column, is_high in traits) for traits in clusters]
    # Two that nothing but degrees tells apart are told apart by their number.
    names = [f"{name} ({n})" if names.count(name) > 1 else name for n, name in enumerate(names, 1)]
    found = {
        f"c{number}": (f"{name[:1].upper()}{name[1:]}", _("Customers who are alike, found by computation."))
        for number, name in enumerate(names, 1)
    }
    return found | {"none": (_("In no cluster"), _("No order, or too few customers to tell."))}
