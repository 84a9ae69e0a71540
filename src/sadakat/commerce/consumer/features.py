"""Features that orders give a customer, computed anew for whoever is touched."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext_noop as _

from sadakat.customers import api as customers
from sadakat.customers.types import Feature, FeatureType

OWNER = "commerce"
FEATURES = (
    Feature(
        name="orders",
        type=FeatureType.INTEGER,
        owner=OWNER,
        label=_("Orders"),
        meaning=_("Orders that count: neither cancelled nor wholly refunded, with revenue above zero"),
        is_count=True,
    ),
    Feature(
        name="revenue_minor",
        type=FeatureType.INTEGER,
        owner=OWNER,
        label=_("Revenue"),
        meaning=_("Net revenue of all orders"),
        is_money=True,
        is_count=True,
    ),
    Feature(
        name="first_order_at",
        type=FeatureType.INSTANT,
        owner=OWNER,
        label=_("First order"),
        meaning=_("Time of the first order that counts"),
    ),
    Feature(
        name="last_order_at",
        type=FeatureType.INSTANT,
        owner=OWNER,
        label=_("Last order"),
        meaning=_("Time of the latest order that counts"),
    ),
    Feature(
        name="last_channel",
        type=FeatureType.TEXT,
        owner=OWNER,
        label=_("Last channel"),
        meaning=_("Channel of the latest order that counts"),
    ),
)
for _feature in FEATURES:
    customers.register_feature(_feature)


def refresh(profile_ids: Collection[int], *, at: datetime) -> None:
    """Writes the features of the customers whom these profiles belong to, over the orders of all their profiles."""
    if not profile_ids:
        return
    customer_ids = sorted(set(customers.customers_of(profile_ids).values()))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT whose.customer_id, count(counted.at), coalesce(sum(counted.net_minor), 0)::bigint,
                   min(counted.at), max(counted.at),
                   (array_agg(counted.channel ORDER BY counted.at DESC NULLS LAST, counted.namespace, counted.order_id
                   ))[1]
            FROM customers_profile AS whose
            LEFT JOIN commerce_order AS counted
                ON counted.profile_id = whose.profile_id AND counted.net_minor > 0
            WHERE whose.customer_id = ANY(%s)
            GROUP BY whose.customer_id
            """,
            [customer_ids],
        )
        names = [feature.name for feature in FEATURES]
        values = {row[0]: dict(zip(names, row[1:], strict=True)) for row in cursor.fetchall()}
    customers.set_features(owner=OWNER, values=values, at=at)
