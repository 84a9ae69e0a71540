"""The source of Sadakat's own facts. It takes no key."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "INSERT INTO events_source (name, kind, key_hint, is_trusted, joins_profiles, accepts_orders,"
            " namespace, allowed_origins, is_enabled, created_at)"
            " VALUES ('Sadakat', 'system', '', true, true, true, '', '{}', true, now())",
            "DELETE FROM events_source WHERE kind = 'system'",
        ),
    ]
