"""Lines are found by their product: when it moves to another category, so do they."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commerce", "0002_order_lines")]
    operations = [
        migrations.AddIndex(
            model_name="line", index=models.Index(fields=["product_id"], name="commerce_line_product")
        ),
    ]
