"""The journey map as people work on it; what is measured is computed, not kept."""

from django.db import models


class Touchpoint(models.Model):
    """A place where brand and customer meet: a row of the map."""

    key = models.TextField(unique=True, db_collation="C")
    name = models.TextField()
    where = models.JSONField()  # {"events": [...], "having": {...}}: the events that mean a meeting
    rank = models.IntegerField()
    is_archived = models.BooleanField(default=False, db_default=False)


class Cell(models.Model):
    """What people have said of a touchpoint at a stage."""

    stage = models.TextField()
    touchpoint_key = models.TextField(db_collation="C")
    owner_id = models.BigIntegerField(null=True)  # of the team
    note = models.TextField(default="", db_default="")
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stage", "touchpoint_key"], name="analytics_cell_once")]


class Improvement(models.Model):
    """Something to be done about a cell of the map."""

    stage = models.TextField()
    touchpoint_key = models.TextField(db_collation="C")
    title = models.TextField()
    owner_id = models.BigIntegerField(null=True)
    due_date = models.DateField(null=True)
    status = models.TextField()  # planned, doing, done, dropped
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()


class Funnel(models.Model):
    """A funnel that somebody has kept."""

    name = models.TextField(unique=True)
    question = models.JSONField()
    actor_name = models.TextField()
    changed_at = models.DateTimeField()
