"""Modules and their doctests import models and views, so Django is ready before anything is collected.

The database comes with the fixtures that ask for it.
"""

from sadakat.config import boot

boot.process.secret_key = "a secret key for the tests, long enough"  # noqa: S105 - it guards nothing
boot.set_up_django()
