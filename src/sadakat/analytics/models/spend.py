"""What analytics keeps for itself: marketing spend, folded from the log by its consumer."""

from django.db import models


class Spend(models.Model):
    """What was spent on marketing. Grain: one channel and campaign over one span of days, the latest word of it."""

    from_date = models.DateField(db_index=True)
    to_date = models.DateField()  # the last day; the same as `from_date` for a single day
    channel = models.TextField(db_collation="C")  # small letters: google_ads, instagram, email
    campaign = models.TextField(default="", db_collation="C")
    amount_minor = models.BigIntegerField()  # of the brand's currency
    currency = models.TextField()  # as it was said
    said_minor = models.BigIntegerField()  # in that currency
    currency_rate = models.DecimalField(max_digits=24, decimal_places=12)
    source_id = models.IntegerField()
    position = models.BigIntegerField()  # of the event that said so
    at = models.DateTimeField()
    mid = models.UUIDField()  # of the event; breaks ties of `at`

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["from_date", "to_date", "channel", "campaign"], name="analytics_spend_once"
            ),
            models.CheckConstraint(condition=models.Q(to_date__gte=models.F("from_date")), name="analytics_spend_span"),
            models.CheckConstraint(condition=models.Q(amount_minor__gte=0), name="analytics_spend_not_negative"),
        ]
