"""A partition of the lake may have several files, and datasets may be appended to."""

from django.db import migrations, models


_MOVE = """
    INSERT INTO platform_lakefile (path, dataset, partition, rows, from_position, to_position)
    SELECT path, dataset, partition, rows, 0, 0 FROM platform_lakepartition WHERE path <> ''
"""


class Migration(migrations.Migration):
    dependencies = [
        ("platform", "0004_said_raw"),
    ]

    operations = [
        migrations.CreateModel(
            name="LakeCursor",
            fields=[
                ("dataset", models.TextField(primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="LakeFile",
            fields=[
                ("path", models.TextField(primary_key=True, serialize=False)),
                ("dataset", models.TextField()),
                ("partition", models.TextField()),
                ("rows", models.BigIntegerField()),
                ("from_position", models.BigIntegerField(default=0)),
                ("to_position", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.RunSQL(_MOVE, migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name="lakepartition",
            name="path",
        ),
        migrations.RemoveField(
            model_name="lakepartition",
            name="rows",
        ),
        migrations.RemoveField(
            model_name="lakepartition",
            name="written_at",
        ),
    ]
