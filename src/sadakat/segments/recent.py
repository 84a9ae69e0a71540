"""Who came into a segment or left it lately."""

from sadakat.segments import models, queries

MAX_MOVEMENTS = 100


def movements(key: str, *, limit: int) -> list[models.Movement]:
    """The latest movements, newest first.

    Raises:
        NotFound: there is no such segment.
    """
    rows = models.Movement.objects.filter(segment_id=queries.row_named(key).pk)
    return list(rows.order_by("-local_date", "-at", "-id")[: min(limit, MAX_MOVEMENTS)])
