"""Refuses models that no migration makes, without a database: `python -m tools.check_migrations`."""

import os
import sys
from collections.abc import Iterator

import django


def faults() -> Iterator[str]:
    """One sentence for each change that a migration lacks, and for each app whose migrations branch."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.questioner import MigrationQuestioner
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None)
    for label, names in loader.detect_conflicts().items():
        yield f"{label}: migrations branch at {', '.join(sorted(names))}"
    detector = MigrationAutodetector(
        loader.project_state(),
        ProjectState.from_apps(apps),
        MigrationQuestioner(specified_apps=set(), dry_run=True),
    )
    for label, migrations in detector.changes(graph=loader.graph).items():
        for migration in migrations:
            for operation in migration.operations:
                yield f"{label}: no migration does this yet: {operation.describe()}"


def main() -> int:
    """Prints what is missing; 1 when anything is."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sadakat.config.django_settings")
    django.setup()
    found = list(faults())
    for fault in found:
        sys.stdout.write(f"{fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
