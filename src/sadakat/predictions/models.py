"""What trainings and computations of scores have come to. Rows are only added, and go with their time."""

from django.db import models


class Training(models.Model):
    """One training of one score. The latest without a reason is the model in use; `card` is a `types.Model`."""

    score = models.TextField()
    at = models.DateTimeField()
    as_of = models.DateField()  # days before this one were seen
    reason = models.TextField(default="")  # why it was refused; empty: it was not
    card = models.JSONField(null=True)
    reference = models.JSONField(null=True)  # how inputs and score were spread: column → types.Shares
    actor = models.TextField()
    actor_name = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["score", "-at"], name="predictions_training_latest")]


class Scoring(models.Model):
    """One computation of one score for everybody. `body` is a `types.Scoring`."""

    score = models.TextField()
    at = models.DateTimeField()
    training_id = models.BigIntegerField()
    body = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["score", "-at"], name="predictions_scoring_latest")]
