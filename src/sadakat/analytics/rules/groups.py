"""The rules of the groups: stages, phases, RFM segments, clusters and customer types.

`docs/algorithms/stages.md`, `rfm.md` and `customer-types.md` explain them.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sadakat.analytics.types import Group, Rule, Threshold
from sadakat.kernel.errors import Invalid

Where = Mapping[str, Any]

MIN_GAPS: Final = 100
"""So many gaps between orders tell a brand's rhythm."""
GAPS_OF_SILENCE: Final = 3
SHORTEST_SILENCE_DAYS, LONGEST_SILENCE_DAYS = 30, 365
_SPENT: Final = "Points Spent"
_ORDERED: Final[Where] = {"event": "Order Completed"}

_THRESHOLDS: Final[Mapping[Group, tuple[Threshold, ...]]] = MappingProxyType(
    {
        Group.STAGE: (
            Threshold(name="evaluation_pages", default=5, low=1, high=100),
            Threshold(name="evaluation_days", default=90, low=1, high=730),
            Threshold(name="loyalty_orders", default=3, low=2, high=100),
            Threshold(name="loyalty_days", default=365, low=30, high=1095),
        ),
        Group.PHASE: (Threshold(name="win_back_days", default=180, low=7, high=1095),),
        Group.TYPE: (
            Threshold(name="orders", default=4, low=2, high=100),
            Threshold(name="deal_share", default=0.6, low=0.05, high=1, is_share=True),
            Threshold(name="redemptions", default=4, low=1, high=100),
            Threshold(name="full_price_share", default=0.3, low=0, high=0.95, is_share=True),
            Threshold(name="place_share", default=0.8, low=0.5, high=1, is_share=True),
            Threshold(name="categories", default=3, low=1, high=50),
            Threshold(name="rating", default=4, low=1, high=5),
        ),
    }
)
ADJUSTABLE: Final = tuple(_THRESHOLDS)
"""The groups whose thresholds people may change."""


def thresholds_of(group: Group) -> tuple[Threshold, ...]:
    """What may be changed in the rules of a group.

    Raises:
        Invalid: nothing may.
    """
    if group not in _THRESHOLDS:
        raise Invalid(f"the rules of {group} cannot be set; those of {', '.join(ADJUSTABLE)} can")
    return _THRESHOLDS[group]


def checked(group: Group, given: Mapping[str, Any]) -> dict[str, float]:
    """The thresholds of a group, the given ones in place of the defaults.

    >>> checked(Group.PHASE, {"win_back_days": 60})
    {'win_back_days': 60}

    Raises:
        Invalid: one is unknown, no number, or out of its range, or two contradict each other.
    """
    known = {each.name: each for each in thresholds_of(group)}
    if unknown := sorted(set(given) - set(known)):
        raise Invalid(f"the rules of {group} have {', '.join(known)}, not {unknown[0]!r:.60}")
    found = {name: _within(each, given.get(name, each.default)) for name, each in known.items()}
    if group is Group.TYPE and found["full_price_share"] >= found["deal_share"]:
        raise Invalid(
            f"full_price_share must be below deal_share, {found['deal_share']}, not {found['full_price_share']}"
        )
    return found


def _within(threshold: Threshold, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_fit = is_number and threshold.low <= value <= threshold.high and (threshold.is_share or value == int(value))
    if not is_fit:
        kind = "a number" if threshold.is_share else "a whole number"
        raise Invalid(f"{threshold.name} must be {kind} from {threshold.low} to {threshold.high}, not {value!r:.40}")
    return value if threshold.is_share else int(value)


def silence_days(*, median_gap_days: float) -> int:
    """After how many days without an order a customer is to be won back, by the brand's own rhythm.

    Three times the median gap between orders, between one month and one year.

    >>> silence_days(median_gap_days=4.2), silence_days(median_gap_days=40.1), silence_days(median_gap_days=200)
    (30, 121, 365)
    """
    days = -int(-GAPS_OF_SILENCE * median_gap_days // 1)
    return min(max(days, SHORTEST_SILENCE_DAYS), LONGEST_SILENCE_DAYS)


def rules_of(group: Group, thresholds: Mapping[str, float] | None = None, *, clusters: int = 0) -> tuple[Rule, ...]:
    """The rules of a group in the order in which it is shown.

    `thresholds` are those of `checked`, `clusters` is how many there are.
    """
    match group:
        case Group.STAGE:
            return _stages(thresholds or checked(group, {}))
        case Group.PHASE:
            return _phases(thresholds or checked(group, {}))
        case Group.TYPE:
            return _types(thresholds or checked(group, {}))
        case Group.RFM:
            return _rfm()
        case Group.CLUSTER:
            return _clusters([f"c{number}" for number in range(1, clusters + 1)])


def document(where: Where) -> dict[str, Any]:
    """The predicate document of a rule's condition."""
    return {"version": 1, "where": where}


def _exclusive(wheres: Iterable[tuple[str, Where]], *, otherwise: str) -> tuple[Rule, ...]:
    """Rules of which each customer fits exactly one: the first condition that he fits, or `otherwise`."""
    rules: list[Rule] = []
    earlier: list[Where] = []
    for key, where in wheres:
        rules.append(Rule(key=key, where={"all": [where, {"not": {"any": [*earlier]}}]} if earlier else where))
        earlier.append(where)
    return (*rules, Rule(key=otherwise, where={"not": {"any": earlier}}))


def _clusters(names: list[str]) -> tuple[Rule, ...]:
    nowhere = Rule(key="cluster-none", where={"trait": "cluster", "not_in": names or ["c1"]})
    return (*(Rule(key=f"cluster-{name}", where={"trait": "cluster", "is": name}) for name in names), nowhere)


def _stages(given: Mapping[str, float]) -> tuple[Rule, ...]:
    # Who is loyal has ordered, so that saying less keeps them apart, and every condition costs time.
    window = f"{given['evaluation_days']}d"
    looked: Where = {
        "any": [
            {"event": "Product Viewed", "within": window},
            {"event": "Product Added", "within": window},
            {"event": "Page Viewed", "within": window, "count": {"at_least": given["evaluation_pages"]}},
        ]
    }
    is_loyal: Where = {
        **_ORDERED,
        "within": f"{given['loyalty_days']}d",
        "count": {"at_least": given["loyalty_orders"]},
    }
    return (
        Rule(key="stage-awareness", where={"not": {"any": [_ORDERED, looked]}}),
        Rule(key="stage-evaluation", where={"all": [looked, {"not": _ORDERED}]}),
        Rule(key="stage-purchase", where={"all": [_ORDERED, {"not": is_loyal}]}),
        Rule(key="stage-loyalty", where=is_loyal),
    )


def _phases(given: Mapping[str, float]) -> tuple[Rule, ...]:
    lately: Where = {**_ORDERED, "within": f"{given['win_back_days']}d"}
    return (
        Rule(key="phase-acquisition", where={"not": _ORDERED}),
        Rule(key="phase-retention", where=lately),
        Rule(key="phase-win-back", where={"all": [_ORDERED, {"not": lately}]}),
    )


def _rfm() -> tuple[Rule, ...]:
    def scores(*, r: tuple[int, int] = (1, 5), f: tuple[int, int] = (1, 5), m: tuple[int, int] = (1, 5)) -> Where:
        ends = {"rfm_recency": r, "rfm_frequency": f, "rfm_monetary": m}
        return {"all": [{"trait": name, "between": list(pair)} for name, pair in ends.items()]}

    named = [
        ("rfm-champions", scores(r=(4, 5), f=(4, 5), m=(4, 5))),
        ("rfm-loyal", scores(r=(3, 5), f=(4, 5))),
        ("rfm-potential-loyalists", scores(r=(4, 5), f=(2, 3))),
        ("rfm-new", scores(r=(5, 5), f=(1, 1))),
        ("rfm-promising", scores(r=(4, 4), f=(1, 1))),
        ("rfm-needs-attention", {"any": [scores(r=(3, 3), f=(2, 3)), scores(r=(3, 3), m=(3, 5))]}),
        ("rfm-about-to-sleep", scores(r=(3, 3))),
        ("rfm-cannot-lose", scores(r=(1, 2), f=(4, 5), m=(4, 5))),
        ("rfm-at-risk", {"any": [scores(r=(1, 2), f=(3, 5)), scores(r=(1, 2), m=(4, 5))]}),
        ("rfm-hibernating", scores(r=(2, 2))),
        ("rfm-lost", scores(r=(1, 1))),
    ]
    return _exclusive(named, otherwise="rfm-none")


def _types(given: Mapping[str, float]) -> tuple[Rule, ...]:
    """Only what is known decides: a comparison with a missing value fits nobody."""

    def at_least(name: str, value: float) -> Where:
        return {"trait": name, "at_least": value}

    pays_full: Where = {"trait": "habit_deal_share", "at_most": given["full_price_share"]}
    spends_points: Where = {"event": _SPENT, "within": "365d", "count": {"at_least": given["redemptions"]}}
    is_broad = at_least("habit_categories", given["categories"])
    recommends = at_least("habit_recommendations", 1)
    one_place: Where = {
        "any": [at_least(f"habit_{what}_share", given["place_share"]) for what in ("place", "channel", "daypart")]
    }
    # Who is content is only called satisfied where he is known not to be more than that.
    is_no_more: Where = {
        "any": [
            {"trait": "habit_deal_share", "above": given["full_price_share"]},
            {"trait": "habit_categories", "below": given["categories"]},
            {"trait": "habit_recommendations", "below": 1},
        ]
    }
    known: list[tuple[str, Where]] = [
        ("type-not-yet-loyal", {"not": at_least("habit_orders", given["orders"])}),
        ("type-programme", {"any": [at_least("habit_deal_share", given["deal_share"]), spends_points]}),
        ("type-convenience", {"all": [pays_full, one_place]}),
        ("type-truly-loyal", {"all": [pays_full, is_broad, recommends]}),
        (
            "type-satisfied",
            {
                "all": [
                    at_least("habit_rating", given["rating"]),
                    {"trait": "habit_deal_share", "exists": True},
                    is_no_more,
                ]
            },
        ),
    ]
    return _exclusive(known, otherwise="type-unknown")
