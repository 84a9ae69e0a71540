from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0003_reader_sent_week"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="briefing",
            name="sent_at",
        ),
    ]
