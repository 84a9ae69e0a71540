"""Modules and their doctests import models and views, so Django is ready before anything is collected.

The database comes with the fixtures that ask for it. The run has a home of its own, whatever the environment names.
"""

import atexit
import os
import shutil
import tempfile

for name in [name for name in os.environ if name.startswith("SADAKAT_") and not name.startswith("SADAKAT_TEST_")]:
    if name != "SADAKAT_SCREENSHOTS":
        del os.environ[name]
os.environ.pop("DATABASE_URL", None)
os.environ["SADAKAT_HOME"] = tempfile.mkdtemp(prefix="sadakat-home-", dir="/tmp")
atexit.register(shutil.rmtree, os.environ["SADAKAT_HOME"], ignore_errors=True)

from sadakat.config import boot  # noqa: E402 - reads the environment

boot.process.secret_key = "a secret key for the tests, long enough"  # noqa: S105 - it guards nothing
boot.set_up_django()
