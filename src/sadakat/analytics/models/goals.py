"""Goals, weekly briefings, and reports shared by link."""

from django.db import models


class Goal(models.Model):
    """What a metric is to reach, by when, and who answers for it."""

    name = models.TextField()
    metric = models.TextField()
    segment_key = models.TextField(default="", db_default="")  # empty: everybody
    period = models.TextField()  # week, month, quarter, year
    start_date = models.DateField()
    start_value = models.FloatField(null=True)
    target = models.FloatField()
    by_date = models.DateField()
    owner_id = models.BigIntegerField()
    department = models.TextField()
    state = models.TextField(default="", db_default="")  # as last judged: on_track, off_track, reached, missed, unknown
    alerted_at = models.DateTimeField(null=True)
    is_archived = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()


class Reading(models.Model):
    """The value of a goal's metric on a day."""

    pk = models.CompositePrimaryKey("goal_id", "day")
    goal_id = models.BigIntegerField()
    day = models.DateField()
    value = models.FloatField(null=True)


class BriefingReader(models.Model):
    """Who gets the weekly briefing of a department."""

    user_id = models.BigIntegerField()
    department = models.TextField()
    sent_week = models.DateField(null=True)  # first day of the latest week that was sent, or came before the reader

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "department"], name="analytics_reader_once")]


class Briefing(models.Model):
    """A week as it was told to a department."""

    department = models.TextField()
    week_start = models.DateField()
    content = models.JSONField()
    created_at = models.DateTimeField()
    sent_to = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["department", "week_start"], name="analytics_briefing_once")]


class ReportLink(models.Model):
    """A report that whoever has the link may read; the link itself is not kept."""

    token_hash = models.BinaryField(unique=True)  # SHA-256
    title = models.TextField()
    report = models.TextField()
    parameters = models.JSONField()
    language = models.TextField()
    created_by = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    views = models.BigIntegerField(default=0, db_default=0)
    seen_at = models.DateTimeField(null=True)
