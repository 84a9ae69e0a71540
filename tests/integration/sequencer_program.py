"""The other process of the sequencer's test: sequences small batches, telling the head of the log after each."""

import os
import sys

import django
import structlog
from psycopg.conninfo import conninfo_to_dict

from sadakat.config import boot

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
os.environ["DATABASE_URL"] = "postgresql://?" + "&".join(
    f"{key}={value}" for key, value in conninfo_to_dict(sys.argv[1]).items()
)
os.environ["DJANGO_SETTINGS_MODULE"] = "sadakat.config.django_settings"
boot.open_database()
boot.process.secret_key = "x" * 40
django.setup()

from sadakat.events import log, plugs, sequencer  # noqa: E402  # only after django.setup()
from tests.integration import pipeline  # noqa: E402

plugs.register_resolver(pipeline.PlainResolver())
while sequencer.sequence(at=pipeline.NOW, limit=20).sequenced:
    sys.stdout.write(f"{log.head()}\n")
    sys.stdout.flush()
