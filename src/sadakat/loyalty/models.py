"""Tables of loyalty. What must never be is refused by constraints; entries never change."""

from typing import Final

from django.db import models
from django.db.models import F, Q

from sadakat.loyalty.types import Account

KEPT: Final = tuple(Account)
"""The accounts of a member, each a column of `Balances`."""


class Household(models.Model):
    """Members who spend their points together; each keeps what is his until somebody needs it."""

    created_at = models.DateTimeField()


class Member(models.Model):
    """A member of the programme. Whoever became one with another customer keeps a closed row for the un-merge."""

    customer_id = models.BigIntegerField(db_index=True)
    first_customer_id = models.BigIntegerField(null=True, db_index=True)  # as whom, where a merge has moved him since
    number = models.TextField(unique=True, db_collation="C")
    enrolled_at = models.DateTimeField()
    enrolled_by = models.TextField()
    recorded_at = models.DateTimeField()
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    link_version = models.IntegerField(default=1, db_default=1)  # a higher one makes old links to the portal void
    tier_key = models.TextField(default="", db_default="")
    tier_since = models.DateTimeField(null=True)
    tier_until = models.DateTimeField(null=True, db_index=True)
    is_pinned = models.BooleanField(default=False, db_default=False)
    household = models.ForeignKey(Household, on_delete=models.PROTECT, null=True, related_name="members")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer_id"], condition=Q(merged_into__isnull=True), name="loyalty_member_once"
            )
        ]


class Balances(models.Model):
    """What is on each account of a member: a cache of the entries, and the row that whoever moves points locks."""

    member = models.OneToOneField(Member, on_delete=models.PROTECT, primary_key=True, related_name="+")
    issued = models.BigIntegerField(default=0, db_default=0)
    pending = models.BigIntegerField(default=0, db_default=0)
    active = models.BigIntegerField(default=0, db_default=0)
    reserved = models.BigIntegerField(default=0, db_default=0)
    deficit = models.BigIntegerField(default=0, db_default=0)
    spent = models.BigIntegerField(default=0, db_default=0)
    expired = models.BigIntegerField(default=0, db_default=0)
    reversed = models.BigIntegerField(default=0, db_default=0)
    moved = models.BigIntegerField(default=0, db_default=0)
    version = models.BigIntegerField(default=0, db_default=0)  # one more with each operation
    chain = models.BinaryField(null=True)  # hash of the latest entry, where they are chained

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    issued=-(
                        F("pending")
                        + F("active")
                        + F("reserved")
                        + F("deficit")
                        + F("spent")
                        + F("expired")
                        + F("reversed")
                        + F("moved")
                    )
                ),
                name="loyalty_balances_sum_to_zero",
            ),
            models.CheckConstraint(
                condition=Q(issued__lte=0, pending__gte=0, active__gte=0, reserved__gte=0, deficit__lte=0),
                name="loyalty_balances_signs",
            ),
            models.CheckConstraint(condition=Q(active=0) | Q(deficit=0), name="loyalty_deficit_is_paid_first"),
        ]


class Operation(models.Model):
    """One command that was done. Refused ones leave no trace, so that they may come again."""

    key = models.TextField(unique=True, db_collation="C")
    fingerprint = models.BinaryField()  # of what was asked: the same key may not mean something else
    member_id = models.BigIntegerField()
    kind = models.TextField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    points = models.BigIntegerField()
    undone = models.BigIntegerField(default=0, db_default=0)  # taken back of an award, given back of a spend
    concerns = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    reference = models.JSONField(default=dict)
    actor = models.TextField()
    actor_name = models.TextField()

    class Meta:
        indexes = [
            models.Index(fields=["member_id", "at", "id"], name="loyalty_operation_member"),
            models.Index(fields=["concerns"], name="loyalty_operation_concerns", condition=Q(concerns__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gte=0, undone__gte=0, undone__lte=F("points")), name="loyalty_undone_at_most"
            )
        ]


class Entry(models.Model):
    """Points go from one account of a member to another: balanced by being one row. Never changed, never deleted."""

    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="+", db_index=False)
    member_id = models.BigIntegerField()
    source = models.TextField()
    target = models.TextField()
    points = models.BigIntegerField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    hash = models.BinaryField(null=True)

    class Meta:
        indexes = [models.Index(fields=["member_id", "at"], name="loyalty_entry_member")]
        constraints = [
            models.CheckConstraint(condition=Q(points__gt=0), name="loyalty_entry_points"),
            models.CheckConstraint(
                condition=Q(source__in=KEPT, target__in=KEPT) & ~Q(source=F("target")), name="loyalty_entry_accounts"
            ),
        ]


class Lot(models.Model):
    """Points that were given together and expire together."""

    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="+")
    member_id = models.BigIntegerField()
    points = models.BigIntegerField()
    remaining = models.BigIntegerField()
    is_pending = models.BooleanField()
    activates_at = models.DateTimeField(null=True)
    span = models.TextField()  # of its life, for when it becomes active
    count = models.IntegerField()
    expires_at = models.DateTimeField(null=True)
    at = models.DateTimeField()
    came_from = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        indexes = [
            models.Index(
                F("member_id"),
                F("expires_at").asc(nulls_last=True),
                F("at"),
                F("id"),
                name="loyalty_lot_open",
                condition=Q(remaining__gt=0),
            ),
            models.Index(
                fields=["expires_at"], name="loyalty_lot_expiring", condition=Q(remaining__gt=0, is_pending=False)
            ),
            models.Index(
                fields=["activates_at"], name="loyalty_lot_activating", condition=Q(remaining__gt=0, is_pending=True)
            ),
            models.Index(fields=["came_from"], name="loyalty_lot_copies", condition=Q(came_from__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, remaining__gte=0, remaining__lte=F("points")), name="loyalty_lot_remaining"
            )
        ]


class Draw(models.Model):
    """What an operation took from a lot."""

    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="+")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+")
    points = models.BigIntegerField()
    restored = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, restored__gte=0, restored__lte=F("points")), name="loyalty_draw_restored"
            )
        ]


class Hold(models.Model):
    """A reservation that stands: gone once it is captured or released."""

    operation = models.OneToOneField(Operation, on_delete=models.PROTECT, primary_key=True, related_name="+")
    member_id = models.BigIntegerField()
    points = models.BigIntegerField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(points__gt=0), name="loyalty_hold_points")]


class Programme(models.Model):
    """The rules in each version that was applied; the latest one holds."""

    version = models.IntegerField(unique=True)
    document = models.JSONField()
    applied_at = models.DateTimeField()
    actor = models.TextField()
    actor_name = models.TextField()
    tiers_upto = models.BigIntegerField(null=True, default=0, db_default=0)  # member judged last by it; null: all are


class Tally(models.Model):
    """What a rule has given to a member on a local day: what caps count."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+", db_index=False)
    rule_key = models.TextField()
    day = models.DateField()
    points = models.BigIntegerField()
    times = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "rule_key", "day"], name="loyalty_tally_once")]


class TierChange(models.Model):
    """A member has come to another tier."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    from_key = models.TextField()
    to_key = models.TextField()
    at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    reason = models.TextField()  # reached, kept, ended, by_hand, programme

    class Meta:
        indexes = [models.Index(fields=["at"], name="loyalty_tierchange_at")]


class Reward(models.Model):
    """Something that points can be given for."""

    key = models.TextField(unique=True, db_collation="C")
    name = models.JSONField()
    description = models.JSONField()
    kind = models.TextField()
    points = models.BigIntegerField()
    value_minor = models.BigIntegerField()
    stock = models.IntegerField(null=True)  # left; null: without end
    per_member = models.IntegerField(null=True)
    tiers = models.JSONField(default=list)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    is_archived = models.BooleanField(default=False, db_default=False)
    taken = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(points__gt=0, value_minor__gte=0), name="loyalty_reward_worth"),
            models.CheckConstraint(condition=Q(stock__gte=0) | Q(stock__isnull=True), name="loyalty_reward_stock"),
            models.CheckConstraint(condition=Q(taken__gte=0), name="loyalty_reward_taken"),
        ]


class Redemption(models.Model):
    """Points given for a reward, or for a discount at checkout."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    operation = models.OneToOneField(Operation, on_delete=models.PROTECT, related_name="+")  # its spend or reserve
    capture = models.OneToOneField(Operation, on_delete=models.PROTECT, null=True, related_name="+")
    reward = models.ForeignKey(Reward, on_delete=models.PROTECT, null=True, related_name="+")
    status = models.TextField()
    points = models.BigIntegerField()
    value_minor = models.BigIntegerField()
    namespace = models.TextField(default="", db_default="")
    order_id = models.TextField(default="", db_default="")
    code = models.TextField(default="", db_default="")
    holds_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    restored = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [
            models.Index(fields=["namespace", "order_id"], name="loyalty_redemption_order"),
            models.Index(fields=["holds_until"], name="loyalty_redemption_hold", condition=Q(status="held")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["code"], condition=~Q(code=""), name="loyalty_redemption_code"),
            models.CheckConstraint(
                condition=Q(restored__gte=0, restored__lte=F("points")), name="loyalty_redemption_restored"
            ),
        ]


class PortalCode(models.Model):
    """A code that was mailed to an address from which somebody wants into the portal; only hashes are kept."""

    email_key = models.BinaryField(db_index=True)  # keyed hash of the address, whoever's it is
    hash = models.BinaryField()  # keyed hash of address and code
    expires_at = models.DateTimeField()
    failures = models.IntegerField(default=0, db_default=0)
    used_at = models.DateTimeField(null=True)


class Touched(models.Model):
    """A member whose points have moved: features, and the tier where points qualify, are written anew soon."""

    member_id = models.BigIntegerField()
