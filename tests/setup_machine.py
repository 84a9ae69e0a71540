"""Makes the machine ready for the tests with real clients: `python -m tests.setup_machine`.

That is Chromium, and the SDKs of Segment and RudderStack for node and browsers. It never fails: where something cannot
be installed it says so, and the tests that need it are skipped (or fail, under CI).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Letters such as ş, ı and the lira sign must have a shape, or screenshots show boxes.
CHROMIUM_PACKAGES = ("chromium", "fonts-noto-core")
SDKS = Path(__file__).parent / "sdks"
_LOCK = SDKS / "package-lock.json"
# The lock that the installed SDKs were made from.
_STAMP = SDKS / "node_modules" / "installed-lock.json"


def chromium() -> str | None:
    """The path of an installed Chromium, if there is one."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def sdks() -> Path | None:
    """The folder of the installed SDKs, if there is node to run them and they are those of the lock."""
    is_ready = shutil.which("node") and _STAMP.exists() and _STAMP.read_bytes() == _LOCK.read_bytes()
    return _STAMP.parent if is_ready else None


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def _run(command: list[str], *, folder: Path | None = None) -> bool:
    """Whether a command did its work; if not, says what this costs."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stdout.write(f"Tests will be skipped: {' '.join(command)} failed: {done.stderr[-500:]}\n")
    return done.returncode == 0


def _install(*packages: str) -> None:
    """Installs Debian packages where we are root on Debian; elsewhere says what is missing."""
    if not _may_install():
        sys.stdout.write(f"Tests will be skipped. On Debian: apt-get install {' '.join(packages)}\n")
    elif _run(["apt-get", "update", "-qq"]):
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])


def _install_sdks() -> None:
    # Not `npm ci`, which wants the lock to hold even what is left out here: optional parts of other systems. The
    # versions and hashes of the lock count in both.
    if _run(["npm", "install", "--no-save", "--silent"], folder=SDKS):
        shutil.copy(_LOCK, _STAMP)


def main() -> None:
    """Installs what is missing."""
    if chromium() is None:
        _install(*CHROMIUM_PACKAGES)
    if shutil.which("npm") is None:
        _install("nodejs", "npm")
    if shutil.which("npm") and sdks() is None:
        _install_sdks()


if __name__ == "__main__":
    main()
