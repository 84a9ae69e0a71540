"""Tables of the log. The sequencer and the collector write them in SQL; nothing here has verbs."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models


class Source(models.Model):
    """Something that sends events. Grain: one write key."""

    name = models.TextField(unique=True)
    kind = models.TextField()
    key_hash = models.BinaryField(unique=True, null=True)  # SHA-256; the key itself is shown once
    key_hint = models.TextField(default="")  # its last four characters
    is_trusted = models.BooleanField()
    joins_profiles = models.BooleanField()
    accepts_orders = models.BooleanField()
    namespace = models.TextField(default="")
    allowed_origins = ArrayField(models.TextField(), default=list)
    mapping = models.JSONField(default=list, db_default=[])  # rules of rules/mapping, applied to what it sends
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()


class Inbox(models.Model):
    """Received and durable, not yet in the log. No unique key: duplicates are dropped by the sequencer alone."""

    source_id = models.IntegerField()
    mid = models.UUIDField()
    kind = models.SmallIntegerField()
    event = models.TextField()
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    identifiers = ArrayField(models.TextField())
    body = models.JSONField()


class MessageKey(models.Model):
    """Keys of messages already in the log, for the documented horizon."""

    mid = models.UUIDField(primary_key=True)
    received_date = models.DateField()

    class Meta:
        indexes = [BrinIndex(fields=["received_date"], name="events_messagekey_received", autosummarize=True)]


class LogEvent(models.Model):
    """The event log. Rows never change, except that erasure blanks `body` in place."""

    position = models.BigIntegerField(primary_key=True)
    profile_id = models.BigIntegerField()
    source_id = models.IntegerField()
    kind = models.SmallIntegerField()
    event = models.TextField()
    at = models.DateTimeField()
    local_date = models.DateField()
    received_at = models.DateTimeField()
    mid = models.UUIDField()
    body = models.JSONField(null=True)

    class Meta:
        db_table = "events_log"
        indexes = [
            models.Index(fields=["profile_id", "at"], name="events_log_profile"),
            BrinIndex(fields=["received_at"], name="events_log_received", autosummarize=True),
        ]


class Cursor(models.Model):
    """How far a consumer has come."""

    consumer = models.TextField(primary_key=True)
    position = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField()


class FailedEvent(models.Model):
    """An event that a consumer has set aside; solved ones stay as a record."""

    consumer = models.TextField()
    position = models.BigIntegerField()
    reason = models.TextField()
    failed_at = models.DateTimeField()
    attempts = models.IntegerField(default=1)
    solved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["consumer", "position"], name="events_failed_once")]


class RejectedEvent(models.Model):
    """Something that was refused at the door, inside a request that was otherwise taken."""

    source_id = models.IntegerField(null=True)
    received_at = models.DateTimeField()
    reason = models.TextField()
    message_id = models.TextField(default="")
    body = models.TextField()
    is_cut = models.BooleanField(db_default=False)  # the body is longer than what was kept
    replayed_at = models.DateTimeField(null=True)  # when it was taken after all


class Amendment(models.Model):
    """What a person, or a mapping, has made of the body of an event that a consumer could not read.

    Readers of the log get this body instead; the log's own row stays as it came.
    """

    position = models.BigIntegerField(primary_key=True)
    body = models.JSONField()
    actor = models.TextField()
    at = models.DateTimeField()


class FileImport(models.Model):
    """A file on its way into the log."""

    target = models.TextField()
    file_name = models.TextField()
    file_hash = models.TextField()  # SHA-256, hexadecimal
    size_bytes = models.BigIntegerField()
    source_id = models.IntegerField()
    state = models.TextField()
    plan = models.JSONField(null=True)
    rows_done = models.BigIntegerField(default=0)
    rows_total = models.BigIntegerField(null=True)
    report = models.JSONField(null=True)
    error = models.TextField(default="")
    is_cancel_asked = models.BooleanField(default=False)
    actor = models.TextField()
    actor_name = models.TextField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)


class ImportPreset(models.Model):
    """What the columns of a file mean, saved for the next file of the same columns."""

    target = models.TextField()
    name = models.TextField()
    plan = models.JSONField()
    columns = ArrayField(models.TextField())
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["target", "name"], name="events_preset_once")]


class Webhook(models.Model):
    """A subscription of another system, and how well it takes what is sent."""

    name = models.TextField(unique=True)
    url = models.TextField()
    event_names = ArrayField(models.TextField(), default=list)  # empty: all
    takes_shop_events = models.BooleanField(default=False)
    secret = models.TextField()  # in the clear, since it signs
    old_secret = models.TextField(default="")
    old_secret_until = models.DateTimeField(null=True)
    state = models.TextField()
    after_position = models.BigIntegerField()  # where the log ended when it was added
    failures = models.IntegerField(default=0)  # batches of which nothing was taken, since the last success
    failing_since = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()


class Delivery(models.Model):
    """An event on its way to a webhook, or a test. What is posted is read from the log: no copy outlives an erasure."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, db_index=False)
    position = models.BigIntegerField(null=True)  # null for a test
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)  # null once it is delivered or given up
    attempts = models.SmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    status = models.SmallIntegerField(null=True)
    answer = models.TextField(default="")
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "position"], name="events_delivery_once")]
        indexes = [
            models.Index(
                fields=["webhook", "next_at", "id"],
                name="events_delivery_open",
                condition=models.Q(delivered_at=None),
            ),
            models.Index(fields=["webhook", "id"], name="events_delivery_newest"),
            BrinIndex(fields=["created_at"], name="events_delivery_created", autosummarize=True),
        ]
