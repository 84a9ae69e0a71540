"""Tables of the ground."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models


class Brand(models.Model):
    """The one brand of this installation. Grain: a single row with id 1."""

    name = models.TextField()
    time_zone = models.TextField()
    currency = models.TextField()
    language = models.TextField()
    revenue_basis = models.TextField(default="net")  # net, with_tax, with_tax_and_shipping
    is_demo = models.BooleanField(default=False)
    notes = models.JSONField(default=dict)  # what the demo says of itself
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="platform_brand_single")]


class User(AbstractBaseUser):
    """A member of the team."""

    email = models.TextField(unique=True)  # ASCII lower case
    name = models.TextField()
    role = models.TextField()
    language = models.TextField(default="")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []


class LoginAttempt(models.Model):
    """A failed log-in, kept for as long as throttling looks back."""

    email = models.TextField(db_index=True)
    address = models.TextField(db_index=True)
    at = models.DateTimeField()


class AuditEntry(models.Model):
    """Who did what to what. Rows are only added; erasure blanks `old` and `new`."""

    at = models.DateTimeField(db_index=True)
    actor = models.TextField()  # user:ID, system, cli
    actor_name = models.TextField()
    action = models.TextField()  # dotted: team.user_invited
    subject = models.TextField()  # TYPE:ID
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["subject", "-at"], name="platform_audit_subject")]


class LakePartition(models.Model):
    """The lake's manifest. A partition is stale while `changes` is above `written`."""

    pk = models.CompositePrimaryKey("dataset", "partition")
    dataset = models.TextField()
    partition = models.TextField()
    changes = models.BigIntegerField(default=1)
    written = models.BigIntegerField(default=0)
    path = models.TextField(default="")  # below the lake folder; empty until first written
    rows = models.BigIntegerField(default=0)
    written_at = models.DateTimeField(null=True)
