"""A new version of the programme judges every member's tier anew, in batches."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0002_portal_code_address")]

    operations = [
        migrations.AddField(
            model_name="programme",
            name="tiers_upto",
            field=models.BigIntegerField(null=True, default=0, db_default=0),
        ),
    ]
