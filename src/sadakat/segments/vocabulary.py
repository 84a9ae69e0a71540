"""What rules may speak of here and now."""

from collections.abc import Iterable
from datetime import timedelta

from sadakat.kernel.predicates import Vocabulary
from sadakat.platform import settings
from sadakat.segments import models, relations


def vocabulary() -> Vocabulary:
    """The registered features and what their names make answerable, and the segments that are not archived.

    The names are those of `kernel.predicates.feature_of`.
    """
    features = relations.value_types()
    return Vocabulary(
        features=features,
        segments=frozenset(models.Segment.objects.filter(is_archived=False).values_list("key", flat=True)),
        scores=_named(features, "score_"),
        consents={rest.split("_")[0] for rest in _named(features, "consent_")},
        points=_named(features, "points_"),
        has_tiers="tier" in features,
        longest_window=timedelta(days=settings.current().events_kept_days),
    )


def _named(features: Iterable[str], prefix: str) -> frozenset[str]:
    return frozenset(name.removeprefix(prefix) for name in features if name.startswith(prefix))
