"""A code of the portal is for an address: nobody has to be known by it yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial")]

    operations = [
        migrations.RemoveField(model_name="portalcode", name="customer_id"),
        migrations.AddField(
            model_name="portalcode",
            name="email_key",
            field=models.BinaryField(db_index=True, default=b""),
            preserve_default=False,
        ),
    ]
