"""What the kept groups of segments rest on: rules that people may adjust, and what was last computed of everybody."""

from django.db import models


class Grouping(models.Model):
    """The rules of a group (stages, phases, customer types) as people have set them. Grain: one version."""

    group = models.TextField()
    rules = models.JSONField()
    actor = models.TextField()
    actor_name = models.TextField()
    at = models.DateTimeField()


class Fit(models.Model):
    """What a computation over all customers came to: cut points, cluster centres, stages. The last of a kind holds."""

    kind = models.TextField()  # rfm, clusters, stages
    body = models.JSONField()
    customers = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kind", "-at"], name="analytics_fit_latest")]
