"""What a predicate speaks of: the order in which segments depend on each other, and what an event can change."""

from collections.abc import Iterator
from dataclasses import dataclass

from sadakat.kernel.predicates.types import (
    All,
    Any_,
    Consent,
    EventLeaf,
    Not,
    Op,
    Points,
    Predicate,
    PropertyLeaf,
    Score,
    Segment,
    Tier,
    Trait,
)


@dataclass(frozen=True, slots=True)
class Mentions:
    """Names that a predicate uses."""

    events: frozenset[str]
    traits: frozenset[str]
    """Of traits and of features: the vocabulary tells which."""
    properties: frozenset[str]
    segments: frozenset[str]
    """Keys."""
    scores: frozenset[str]
    features: frozenset[str]
    """By which scores, consents, points and tiers are read."""
    compared: frozenset[str]
    """Traits and properties of whose value something is asked, not only whether there is one."""


def mentions(predicate: Predicate) -> Mentions:
    """What a predicate speaks of.

    >>> from sadakat.kernel.predicates.types import Comparison
    >>> sorted(mentions(Any_((Segment("vip", True), Score("churn", Comparison(Op.ABOVE, 0.7))))).features)
    ['score_churn']
    """
    leaves = list(_leaves(predicate))
    tested = [(each.name, each.test) for each in leaves if isinstance(each, Trait | PropertyLeaf)]
    measured = [(leaf.measure.property, leaf.measure.test) for leaf in leaves if isinstance(leaf, EventLeaf)]
    properties = {each.name for each in leaves if isinstance(each, PropertyLeaf)} | {name for name, _ in measured}
    return Mentions(
        events=frozenset(each.event for each in leaves if isinstance(each, EventLeaf)),
        traits=frozenset(each.name for each in leaves if isinstance(each, Trait)),
        properties=frozenset(properties - {""}),
        segments=frozenset(each.key for each in leaves if isinstance(each, Segment)),
        scores=frozenset(each.name for each in leaves if isinstance(each, Score)),
        features=frozenset(feature_of(each) for each in leaves if isinstance(each, Score | Consent | Points | Tier)),
        compared=frozenset(name for name, test in tested + measured if name and test.op is not Op.EXISTS),
    )


def feature_of(leaf: Score | Consent | Points | Tier) -> str:
    """The name of the feature that a leaf reads; whoever registers it makes the leaf answerable.

    >>> from sadakat.kernel.predicates.types import Comparison
    >>> feature_of(Consent("email", "marketing", Comparison(Op.IS, "granted")))
    'consent_email_marketing'
    """
    match leaf:
        case Score(name, _):
            return f"score_{name}"
        case Consent(channel, purpose, _):
            return f"consent_{channel}_{purpose}"
        case Points(balance, _):
            return f"points_{balance}"
        case Tier():
            return "tier"


def _leaves(predicate: Predicate) -> Iterator[Predicate]:
    match predicate:
        case All(parts) | Any_(parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part):
            yield from _leaves(part)
        case EventLeaf(having=having):
            yield predicate
            if having is not None:
                yield from _leaves(having)
        case _:
            yield predicate
