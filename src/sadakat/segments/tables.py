"""Relations that segments offers to whoever asks the lake."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sadakat.customers import api as customers
from sadakat.customers.types import FeatureType
from sadakat.platform import lake

if TYPE_CHECKING:
    import ibis

SUBJECTS: Final = "subjects"
SUBJECTS_PER_PARTITION: Final = 50_000
"""Customer ids of one partition of `subjects`."""
SEGMENT_MEMBERS: Final = lake.Dataset(
    name="segment_members",
    sql="""
        SELECT segment.key AS segment_key, standing.customer_id, standing.since_at
        FROM segments_segment AS segment JOIN segments_standing AS standing ON standing.segment_id = segment.id
        WHERE segment.id = {partition}::bigint AND standing.is_member
        ORDER BY standing.customer_id
        """,
    schema={"segment_key": "string", "customer_id": "int64", "since_at": "timestamp('UTC')"},
)
lake.register(SEGMENT_MEMBERS)
_TYPES: Final = {
    FeatureType.INTEGER: "int64",
    FeatureType.NUMBER: "float64",
    FeatureType.TEXT: "string",
    FeatureType.INSTANT: "timestamp('UTC')",
    FeatureType.FLAG: "boolean",
}


def register_subjects() -> None:
    """Registers the dataset `subjects` with the features that are registered; call it when all of them are."""
    features = sorted(customers.features().items())
    columns = [
        f", fold_text({name}) AS {name}" if each.type is FeatureType.TEXT else f", {name}" for name, each in features
    ]
    lake.register(
        lake.Dataset(
            name=SUBJECTS,
            sql=f"""
                SELECT customer_id{"".join(columns)}, said_of(traits) AS said,
                       said_moments(traits, zone.name) AS moments, said_days(traits, zone.name) AS days
                FROM (SELECT time_zone AS name FROM platform_brand LIMIT 1) AS zone,
                     customers_profile LEFT JOIN customers_feature USING (customer_id)
                WHERE profile_id = customer_id
                  AND customer_id >= {{partition}}::bigint * {SUBJECTS_PER_PARTITION}
                  AND customer_id < ({{partition}}::bigint + 1) * {SUBJECTS_PER_PARTITION}
                ORDER BY customer_id
                """,
            schema={
                "customer_id": "int64",
                **{name: _TYPES[each.type] for name, each in features},
                "said": "string",
                "moments": "string",
                "days": "string",
            },
        )
    )


def mark_subjects(customer_ids: Iterable[int]) -> None:
    """Says, in the caller's transaction, that features or traits of these customers change, or that they are new."""
    lake.mark_changed(dataset=SUBJECTS, partitions={str(each // SUBJECTS_PER_PARTITION) for each in customer_ids})


def mark_members(segment_ids: Iterable[int]) -> None:
    """Says, in the caller's transaction, that customers enter or leave these segments."""
    lake.mark_changed(dataset=SEGMENT_MEMBERS.name, partitions={str(each) for each in segment_ids})


def subjects() -> "ibis.Table":
    """Who there is and what is known of him. Grain: one customer.

    `customer_id`; a column for each registered feature, texts among them folded; `said`, `moments` and `days` of his
    traits: see `platform.predicates.Relations`. Partitions are ranges of customer ids.
    """
    from sadakat.platform import engine  # brings Ibis and DuckDB, which a process that only collects never needs

    return engine.read(SUBJECTS)


def members() -> "ibis.Table":
    """Who is in a segment. Grain: one customer in one segment: `segment_key`, `customer_id`, `since_at`.

    Partitions are the ids of segments.
    """
    from sadakat.platform import engine

    return engine.read(SEGMENT_MEMBERS.name)
