"""What the lake knows of identity: no identifiers, only who is one customer."""

from typing import Final

import ibis

from sadakat.platform import engine, lake

ALL: Final = "all"
"""The one partition of `profile_map`."""
PROFILE_MAP: Final = lake.Dataset(
    name="profile_map",
    sql="SELECT profile_id, customer_id FROM customers_profile WHERE {partition} = 'all'",
    schema={"profile_id": "int64", "customer_id": "int64"},
)
lake.register(PROFILE_MAP)


def profile_map() -> ibis.Table:
    """Grain: a profile. `profile_id`; `customer_id`, the smallest of its customer's profiles."""
    return engine.read(PROFILE_MAP.name)
