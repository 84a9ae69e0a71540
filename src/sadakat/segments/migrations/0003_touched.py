"""Nothing is due by a rule that has changed, and why and when a customer was touched makes no difference."""

from django.db import migrations

_FORGET_DUE = """
    UPDATE segments_standing SET changes_at = NULL FROM segments_segment AS segment
    WHERE segment.id = segment_id AND changes_at IS NOT NULL AND customer_id > filled_to
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_was_filled")]
    operations = [
        migrations.RunSQL(_FORGET_DUE, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="touched", name="at"),
        migrations.RemoveField(model_name="touched", name="reason"),
    ]
