"""Tables of the ground."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.postgres.fields import ArrayField
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
    preferences = models.JSONField(default=dict, db_default={})  # how this person likes lists: columns by list
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []


class ApiKey(models.Model):
    """A key of the REST API. The key itself is shown once."""

    name = models.TextField()
    key_hash = models.BinaryField(unique=True)  # SHA-256
    key_hint = models.TextField()  # its last four characters
    scopes = ArrayField(models.TextField())
    created_by = models.TextField()  # an actor's name
    created_at = models.DateTimeField()
    last_used_date = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)


class IdempotentAnswer(models.Model):
    """The first answer to a write of the REST API, given again to the same request."""

    api_key_id = models.BigIntegerField()
    key = models.TextField()
    fingerprint = models.BinaryField()  # SHA-256 of method, path and body
    status = models.IntegerField(null=True)  # null while the first request is being answered
    body = models.BinaryField(default=b"")
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key_id", "key"], name="platform_idempotent_once")]


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
    """What the lake knows of changes. A partition has to be written whole while `changes` is above `written`."""

    pk = models.CompositePrimaryKey("dataset", "partition")
    dataset = models.TextField()
    partition = models.TextField()
    changes = models.BigIntegerField(default=1)
    written = models.BigIntegerField(default=0)


class LakeFile(models.Model):
    """The lake's manifest. Grain: one file that holds rows of a partition; together they hold each row once."""

    path = models.TextField(primary_key=True)  # below the lake folder
    dataset = models.TextField()
    partition = models.TextField()
    rows = models.BigIntegerField()
    from_position = models.BigIntegerField(default=0)  # of its rows, where the dataset is appended to
    to_position = models.BigIntegerField(default=0)


class LakeCursor(models.Model):
    """How far an appended dataset has come: its files hold every row up to this position, and no other."""

    dataset = models.TextField(primary_key=True)
    position = models.BigIntegerField(default=0)
