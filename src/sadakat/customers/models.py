"""Tables of identity. The sequencer alone writes identifiers, profiles, links, merges and conflicts."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class Identifier(models.Model):
    """A normalised identifier belongs to one profile for ever."""

    key = models.TextField(primary_key=True, db_collation="C")  # TYPE:VALUE
    profile_id = models.BigIntegerField(db_index=True)
    is_verified = models.BooleanField(default=False)
    source_id = models.IntegerField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()


class Profile(models.Model):
    """The map profile → customer, computed from links in position order."""

    profile_id = models.BigIntegerField(primary_key=True)
    customer_id = models.BigIntegerField(db_index=True)


class Link(models.Model):
    """Two profiles were named together: each pair once, with the position that said so first."""

    pk = models.CompositePrimaryKey("low_profile_id", "high_profile_id")
    low_profile_id = models.BigIntegerField()
    high_profile_id = models.BigIntegerField(db_index=True)
    reason = models.TextField()
    source_id = models.IntegerField()
    position = models.BigIntegerField()
    is_by_hand = models.BooleanField(db_default=False)  # a person said so: it joins whatever the limits say

    class Meta:
        indexes = [
            models.Index(fields=["low_profile_id"], name="customers_link_by_hand", condition=models.Q(is_by_hand=True))
        ]


class Conflict(models.Model):
    """A link that a limit keeps from joining its two customers."""

    low_profile_id = models.BigIntegerField()
    high_profile_id = models.BigIntegerField(db_index=True)
    reason = models.TextField()
    source_id = models.IntegerField()
    position = models.BigIntegerField()
    at = models.DateTimeField()
    solved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["low_profile_id", "high_profile_id"], name="customers_conflict_once")
        ]


class Merge(models.Model):
    """Customers became one."""

    winner_id = models.BigIntegerField(db_index=True)
    loser_id = models.BigIntegerField(db_index=True)
    profiles = ArrayField(models.BigIntegerField())  # those that moved from loser to winner
    kept = ArrayField(models.BigIntegerField(), default=list, db_default=[])  # those that were the winner's before
    reason = models.TextField()
    position = models.BigIntegerField()
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)


class Separation(models.Model):
    """Two sets of profiles that people have said belong to two persons: no customer has some of both."""

    left = ArrayField(models.BigIntegerField())
    right = ArrayField(models.BigIntegerField())
    merge_id = models.BigIntegerField(null=True)  # the merge that was undone; null where a conflict was decided
    actor = models.TextField()
    actor_name = models.TextField()
    at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            GinIndex(fields=["left"], name="customers_separation_left"),
            GinIndex(fields=["right"], name="customers_separation_right"),
        ]


class Trait(models.Model):
    """Something known about a profile: the value of the latest event time, with its source."""

    pk = models.CompositePrimaryKey("profile_id", "name")
    profile_id = models.BigIntegerField()
    name = models.TextField()
    value = models.JSONField()
    source_id = models.IntegerField()
    at = models.DateTimeField()
    mid = models.UUIDField()  # of the event that said so: of two values of one moment the larger one wins


class Activity(models.Model):
    """What a profile has done, counted by the consumer that owns features."""

    profile_id = models.BigIntegerField(primary_key=True)
    events = models.BigIntegerField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    first_source_id = models.IntegerField()
    is_known = models.BooleanField()  # whether the profile's identifier is more than an anonymous id
