"""Makes the machine ready for the tests in a real browser: `python -m tests.setup_machine`.

It never fails: where Chromium cannot be installed it says so, and the web tests are skipped (or fail, under CI).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Letters such as ş, ı and the lira sign must have a shape, or screenshots show boxes.
PACKAGES = ("chromium", "fonts-noto-core")


def chromium() -> str | None:
    """The path of an installed Chromium, if there is one."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def main() -> None:
    """Installs Chromium on a Debian machine where we are root; elsewhere says what is missing."""
    if chromium():
        return
    if not _may_install():
        sys.stdout.write(
            "The tests in a browser will be skipped: no Chromium here. On Debian: apt-get install chromium\n"
        )
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.stdout.write(
                f"The tests in a browser will be skipped: {' '.join(command)} failed: {done.stderr[-500:]}\n"
            )
            return


if __name__ == "__main__":
    main()
