"""The folder of a home: whether it is ours, and where its embedded database lives."""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sadakat.kernel.errors import Refused, SadakatError, Unavailable

ROOT_FOLDER = Path("/var/lib/sadakat")
"""What root keeps outside of the homes: copies of the binaries, and the databases of closed homes."""

_MARKER = ".sadakat"
_POINTER = "database-location"
_MAX_SOCKET_PATH_BYTES = 103  # What macOS takes; Linux would take 107.


def claim_home(home: Path) -> Path:
    """Makes `home` when it is missing, marks it as ours and returns its real path. Safe to repeat.

    Whoever writes into a home claims it first, since a folder with other people's files is refused.

    Raises:
        Refused: it belongs to another user, cannot be written, or holds files that are not ours.
    """
    is_root = os.geteuid() == 0
    with plain_errors():
        home.mkdir(mode=0o711 if is_root else 0o700, parents=True, exist_ok=True)
        home = home.resolve()
        if home.stat().st_uid != os.geteuid():
            raise Refused(
                f"The folder {home} belongs to user {home.stat().st_uid} and this process runs as user "
                f"{os.geteuid()}: run as that user or name another folder in SADAKAT_HOME"
            )
        if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
            raise Refused(f"The folder {home} cannot be written: name another folder in SADAKAT_HOME")
        strangers = sorted({entry.name for entry in home.iterdir()} - {_MARKER, "lost+found"})
        if strangers and not (home / _MARKER).exists():
            raise Refused(
                f"The folder {home} is not empty and not a home of Sadakat (it holds {strangers[0]!r}): "
                "name an empty or new folder in SADAKAT_HOME"
            )
        (home / _MARKER).touch(mode=0o600)
    return home


def database_folder(home: Path) -> Path:
    """The folder with the data, password, lock and log of a claimed home's database; made when missing.

    It is `home/database`. The server of root runs under another user: where that one cannot pass
    through a closed folder above, it is a folder of `ROOT_FOLDER` which a pointer file in the home names.

    Raises:
        Unavailable: the folder that the pointer names is not there.
        Refused: the home was closed to the server after its database was made inside it.
    """
    inside, pointer = home / "database", home / _POINTER
    if os.geteuid() != 0:
        inside.mkdir(mode=0o700, exist_ok=True)
        return inside
    with locked(home / _MARKER):
        if pointer.exists():
            place = Path(pointer.read_text(encoding="utf-8").strip())
            if not place.is_dir():
                raise Unavailable(f"The database of {home} was in {place}, which is missing: mount or restore it")
            return place
        closed = _closed_folder(home)
        if closed is None:
            inside.mkdir(exist_ok=True)
            inside.chmod(0o711)
            return inside
        if inside.exists():
            raise Refused(f"The database server cannot reach {inside}: make {closed} passable (chmod o+x)")
        return _place_outside(home, pointer)


def socket_folder(place: Path) -> Path:
    """A private folder for the sockets of the database in `place`, with a short and plain path.

    Raises:
        Refused: somebody else has made the folder before us.
    """
    is_root = os.geteuid() == 0
    folder = place / "socket"
    length = len(os.fsencode(folder / ".s.PGSQL.5432"))
    # The setting is a list in PostgreSQL's own quoting, so an unusual letter counts like a long path.
    if length > _MAX_SOCKET_PATH_BYTES or not re.fullmatch(r"[A-Za-z0-9/._+-]+", str(folder)):
        base = ROOT_FOLDER if is_root else Path("/tmp")  # noqa: S108 - the owner is checked below
        folder = base / f"sadakat-{os.geteuid()}-{_short_hash(place)}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    is_ours = is_root or status.st_uid == os.geteuid()
    if not stat.S_ISDIR(status.st_mode) or not is_ours or status.st_mode & 0o077:
        raise Refused(f"The folder {folder} is for the database's sockets and is not private to us: remove it")
    return folder


def root_folder() -> Path:
    """`ROOT_FOLDER`, made when missing.

    Raises:
        Refused: another user can write into it.
    """
    ROOT_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = ROOT_FOLDER.stat()
    if status.st_uid != 0 or status.st_mode & 0o022 or _closed_folder(ROOT_FOLDER) is not None:
        raise Refused(f"The folder {ROOT_FOLDER} must belong to root, be writable by root only and passable by all")
    return ROOT_FOLDER


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file lock of `path` (made when missing), waiting for it."""
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turns what the operating system refuses into one line that names the file and the reason."""
    try:
        yield
    except OSError as error:
        raise plain_error(error) from error


def plain_error(error: OSError) -> SadakatError:
    """What the operating system refused, as one line that names the file and the reason."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return full_disk(error.filename or "the data folder")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR}:
        return Refused(f"{error.filename} cannot be used as data folder: {error.strerror}")
    return Unavailable(f"The data folder does not work: {error}")


def full_disk(where: Path | str) -> Unavailable:
    """The error that says so."""
    return Unavailable(f"The disk of {where} is full: free some space and start again")


def _place_outside(home: Path, pointer: Path) -> Path:
    # The name is new each time: data of a home that was deleted are never taken for those of its successor.
    place = Path(tempfile.mkdtemp(prefix=f"{_short_hash(home)}-", dir=root_folder()))
    place.chmod(0o711)
    (place / "home").write_text(f"{home}\n", encoding="utf-8")
    draft = pointer.with_suffix(".new")
    draft.write_text(f"{place}\n", encoding="utf-8")
    draft.replace(pointer)
    return place


def _closed_folder(path: Path) -> Path | None:
    """The topmost folder on the way to `path`, itself included, which not everybody may pass."""
    way = [*reversed(path.parents), path]
    return next((folder for folder in way if not folder.stat().st_mode & stat.S_IXOTH), None)


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
