"""Orders that are in the lake already get their lines there."""

from django.db import migrations

_MARK = """
    INSERT INTO platform_lakepartition (dataset, partition, changes, written)
    SELECT 'order_lines', partition, 1, 0 FROM platform_lakepartition WHERE dataset = 'order_entries'
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("commerce", "0001_initial"), ("platform", "0005_lake_files")]
    operations = [migrations.RunSQL(_MARK, migrations.RunSQL.noop)]
