"""Tables of segments. Standings are written by `evaluation` alone."""

from django.db import models


class Segment(models.Model):
    """A named set of customers."""

    key = models.TextField(unique=True, db_collation="C")
    name = models.TextField()
    description = models.TextField(default="", db_default="")
    kind = models.TextField()  # rule or list
    group = models.TextField(default="", db_default="")  # kept by another context when not empty
    rank = models.IntegerField(default=0, db_default=0)
    where = models.JSONField(null=True)  # the predicate document of the present version
    version = models.IntegerField(default=1, db_default=1)
    filled_to = models.BigIntegerField(null=True)  # customers up to this id are evaluated; null: all are
    was_filled = models.BooleanField(default=False, db_default=False)  # the first fill tells the log nothing
    size = models.BigIntegerField(default=0, db_default=0)
    is_archived = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()


class Version(models.Model):
    """Every rule that a segment has had."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    number = models.IntegerField()
    where = models.JSONField()
    actor = models.TextField()
    actor_name = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "number"], name="segments_version_once")]


class Standing(models.Model):
    """What is known of one customer and one segment.

    A row for members, for others whom time may make one, and for those who have been one, whose moves go on counting.
    Of a list, time changes nothing.
    """

    pk = models.CompositePrimaryKey("segment_id", "customer_id")
    segment_id = models.BigIntegerField()
    customer_id = models.BigIntegerField(db_index=True)
    is_member = models.BooleanField()
    since_at = models.DateTimeField()  # since when that is so
    moves = models.IntegerField(default=0, db_default=0)  # how often he has entered or left: names the facts
    changes_at = models.DateTimeField(null=True)  # when time alone may change it next

    class Meta:
        indexes = [
            models.Index(
                fields=["changes_at"], name="segments_standing_due", condition=models.Q(changes_at__isnull=False)
            )
        ]


class Touched(models.Model):
    """A customer to be evaluated anew although no event says so: a higher context has written features of his."""

    customer_id = models.BigIntegerField()


class Movement(models.Model):
    """A customer entered or left a segment: what the log is told, kept for sizes and moves over time."""

    segment_id = models.BigIntegerField()
    customer_id = models.BigIntegerField(db_index=True)
    is_entry = models.BooleanField()
    reason = models.TextField()
    at = models.DateTimeField()
    local_date = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["segment_id", "local_date"], name="segments_movement_day")]


class DailySize(models.Model):
    """Members of a segment at the end of a local day, written by the first step after it."""

    pk = models.CompositePrimaryKey("segment_id", "day")
    segment_id = models.BigIntegerField()
    day = models.DateField()
    size = models.BigIntegerField()


class Sweep(models.Model):
    """A full sweep and what it found."""

    at = models.DateTimeField()
    segments = models.IntegerField()
    customers = models.BigIntegerField()
    corrections = models.BigIntegerField()
    seconds = models.FloatField()
