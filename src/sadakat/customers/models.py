"""Tables of identity. The sequencer alone writes identifiers, profiles, links, merges and conflicts."""

from django.contrib.postgres.fields import ArrayField
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
    reason = models.TextField()
    position = models.BigIntegerField()
    at = models.DateTimeField()


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
