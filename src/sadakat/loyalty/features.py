"""Points and tier as features of customers, written for whoever's points have moved."""

from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext_noop as _

from sadakat.customers import api as customers
from sadakat.customers.types import Feature, FeatureType
from sadakat.loyalty import models
from sadakat.loyalty.operations import tiers
from sadakat.loyalty.queries import ledger
from sadakat.loyalty.queries.programme import programme
from sadakat.loyalty.rules import burning
from sadakat.segments import api as segments

OWNER: Final = "loyalty"
FEATURES: Final = (
    Feature(
        name="points_active",
        type=FeatureType.INTEGER,
        owner=OWNER,
        label=_("Active points"),
        meaning=_("Points that can be spent"),
    ),
    Feature(
        name="points_pending",
        type=FeatureType.INTEGER,
        owner=OWNER,
        label=_("Pending points"),
        meaning=_("Points that are not active yet"),
    ),
    Feature(
        name="points_lifetime",
        type=FeatureType.INTEGER,
        owner=OWNER,
        label=_("Points ever given"),
        meaning=_("Points ever given less those taken back"),
    ),
    Feature(
        name="points_liability_minor",
        type=FeatureType.INTEGER,
        owner=OWNER,
        label=_("Point liability"),
        meaning=_("What the member's points are worth at checkout, before any are expected to stay unused"),
        is_money=True,
    ),
    Feature(name="tier", type=FeatureType.TEXT, owner=OWNER, label=_("Tier"), meaning=_("Tier of the member")),
)
BATCH: Final = 5_000
"""Members of one transaction."""

# All touches of a member at once: many operations in a row are one piece of work.
_TAKE: Final = """
    DELETE FROM loyalty_touched WHERE member_id IN (SELECT member_id FROM loyalty_touched ORDER BY id LIMIT %s)
    RETURNING member_id
"""


def register() -> None:
    """Makes the features known; their columns come with the next boot."""
    for each in FEATURES:
        customers.register_feature(each)


def features_due(*, at: datetime) -> bool:
    """Judges the tiers of the next members whose points have moved and writes their features; says whether any had.

    Two workers never write the same customer at once: whoever comes later waits for the touches, or the row, of the
    member, and then reads what the other one has left.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [BATCH])
            ids = sorted({row[0] for row in cursor.fetchall()})
        if not ids:
            return False
        members = models.Member.objects.filter(id__in=ids, merged_into=None).order_by("id")
        list(members.select_for_update(no_key=True).values_list("id"))
        tiers.evaluate_tiers(ids, at=at)
        balances = ledger.balances(ids, at=at)
        rules = programme().burning
        values = {
            member.customer_id: {
                "points_active": balances[member.pk].active,
                "points_pending": balances[member.pk].pending,
                "points_lifetime": balances[member.pk].lifetime,
                "points_liability_minor": burning.liability_minor(rules, points=balances[member.pk].outstanding),
                "tier": member.tier_key or None,
            }
            for member in members
        }
        customers.set_features(owner=OWNER, values=values, at=at)
        segments.touch(customer_ids=values)
    return True
