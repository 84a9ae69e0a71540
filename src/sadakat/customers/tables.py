"""What the lake knows of identity: no identifiers, only who is one customer."""

from typing import TYPE_CHECKING, Final

from sadakat.platform import lake

if TYPE_CHECKING:
    import ibis

ALL: Final = "all"
"""The one partition of `profile_map`."""
PROFILE_MAP: Final = lake.Dataset(
    name="profile_map",
    sql="SELECT profile_id, customer_id FROM customers_profile WHERE {partition} = 'all'",
    schema={"profile_id": "int64", "customer_id": "int64"},
)
lake.register(PROFILE_MAP)


def profile_map() -> "ibis.Table":
    """Grain: a profile. `profile_id`; `customer_id`, the smallest of its customer's profiles."""
    from sadakat.platform import engine  # brings Ibis and DuckDB, which a process that only collects never needs

    return engine.read(PROFILE_MAP.name)


def with_customer(table: "ibis.Table") -> "ibis.Table":
    """`table` with `customer_id`, whom its `profile_id` belongs to after merging, in place of that column.

    A profile that the map does not hold yet is a customer of its own: leaving it out would lose what it did. Ibis
    cannot join what comes back before something else is done with it.
    """
    mapped = profile_map().select(mapped_id="profile_id", known_customer_id="customer_id")
    joined = table.left_join(mapped, table.profile_id == mapped.mapped_id)
    customer_id = joined.known_customer_id.fill_null(joined.profile_id)
    return joined.select(*(name for name in table.columns if name != "profile_id"), customer_id=customer_id)
