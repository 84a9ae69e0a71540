"""How the tables of the pipeline are kept, beyond what models can say."""

from django.db import migrations

# The inbox is a queue: as many rows die as come. It is vacuumed by count, soon and at full speed: a share of a table
# that is empty one moment and full the next says nothing, and every take walks over what has not been cleared.
_INBOX = """
    ALTER TABLE events_inbox SET (
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
        toast.autovacuum_vacuum_cost_delay = 0)
"""
# The log and the keys only grow; a fixed number of new rows keeps each vacuum and each analysis short.
_GROWING = """
    ALTER TABLE {table} SET (
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000,
        autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 5000)
"""
_TABLES = ("events_log", "events_messagekey")


class Migration(migrations.Migration):

    dependencies = [("events", "0002_system_source")]

    operations = [
        migrations.RunSQL(_INBOX, migrations.RunSQL.noop),
        *(migrations.RunSQL(_GROWING.format(table=table), migrations.RunSQL.noop) for table in _TABLES),
    ]
