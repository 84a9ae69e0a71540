"""JSON of events and traits is read by functions that fold texts and read times as the language does."""

from django.db import migrations


class Migration(migrations.Migration):
    """See platform/predicates.py."""

    dependencies = [("platform", "0003_said")]
    operations = []
