"""The doctor: what is well, what is not, and what to mend."""

import dataclasses
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def doctor(database: str) -> ModuleType:
    from sadakat.platform import doctor

    return doctor


@pytest.fixture
def say(doctor: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes what the settings say; the home is a private folder of the test."""
    from sadakat.platform import settings

    tmp_path.chmod(0o755)
    said = dataclasses.replace(settings.current(), home=tmp_path, lake=tmp_path / "lake", secret_key="k" * 40)

    def change(**values: Any) -> None:
        monkeypatch.setattr(doctor.settings, "current", lambda: dataclasses.replace(said, **values))

    change()
    return change


def _states(doctor: ModuleType) -> dict[str, str]:
    return {finding.name: finding.state for finding in doctor.examine(at=datetime.now(UTC))}


GROUND = ["python", "home", "disk", "database", "tables", "brand", "secret key", "lake", "jobs", "clock"]


@pytest.mark.usefixtures("say")
def test_a_sound_installation_is_well_in_every_check(doctor: ModuleType, tmp_path: Path) -> None:
    findings = {finding.name: finding for finding in doctor.examine(at=datetime.now(UTC))}
    assert [name for name in findings if name in GROUND] == GROUND
    del findings["disk"]  # how much room this machine has is not ours to say
    assert {findings[name].state for name in GROUND if name in findings} == {"ok"}
    assert not any(findings[name].mend for name in GROUND if name in findings)
    assert findings["python"].found == ".".join(str(part) for part in sys.version_info[:3])
    assert findings["brand"].found == "Moda Nord, TRY, Europe/Istanbul"
    assert findings["lake"].found == str(tmp_path / "lake")
    assert findings["database"].found.startswith("PostgreSQL 1")


def _finding(doctor: ModuleType, name: str, at: datetime | None = None) -> Any:
    return next(finding for finding in doctor.examine(at=at or datetime.now(UTC)) if finding.name == name)


@pytest.mark.parametrize(
    ("free", "state", "found"),
    [(2_000_000_000, "ok", "2.0 GB"), (1_999_999_999, "warn", "2.0 GB"), (199_999_999, "fail", "0.2 GB")],
)
@pytest.mark.usefixtures("say")
def test_a_full_disk_is_seen_before_it_is_full(
    doctor: ModuleType, monkeypatch: pytest.MonkeyPatch, free: int, state: str, found: str
) -> None:
    usage = type(doctor.shutil.disk_usage("/"))(free, 0, free)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: usage)
    finding = _finding(doctor, "disk")
    assert (finding.state, finding.found[:6], bool(finding.mend)) == (state, found, state != "ok")


def test_folders_that_cannot_be_used_are_named(doctor: ModuleType, say: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    say(home=tmp_path / "file", lake=tmp_path / "file")
    assert {name: state for name, state in _states(doctor).items() if name in {"home", "lake"}} == {
        "home": "fail",
        "lake": "fail",
    }
    assert str(tmp_path / "file") in _finding(doctor, "lake").found


@pytest.mark.usefixtures("say")
def test_a_home_that_others_can_change_is_a_warning(doctor: ModuleType, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    finding = _finding(doctor, "home")
    assert (finding.state, finding.mend) == ("warn", f"chmod go-w {tmp_path}")


@pytest.mark.parametrize(
    ("mode", "is_demo", "state"), [(0o600, True, "ok"), (0o600, False, "warn"), (0o644, True, "fail")]
)
def test_the_secret_key_is_secret(
    doctor: ModuleType,
    say: Callable[..., None],
    tmp_path: Path,
    *,
    mode: int,
    is_demo: bool,
    state: str,
) -> None:
    from sadakat.platform.models import Brand

    Brand.objects.update(is_demo=is_demo)
    (tmp_path / "secret-key").write_text("k" * 64)
    (tmp_path / "secret-key").chmod(mode)
    say(secret_key=None)
    finding = _finding(doctor, "secret key")
    assert (finding.state, "k" * 64 in finding.found + finding.mend) == (state, False)


@pytest.mark.usefixtures("say")
def test_clocks_that_differ_are_a_warning(doctor: ModuleType) -> None:
    assert _finding(doctor, "clock", datetime.now(UTC) - timedelta(minutes=1)).state == "warn"


@pytest.mark.usefixtures("say")
def test_missing_tables_brand_and_failed_jobs_are_found(doctor: ModuleType) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'platform'")
        cursor.execute("DELETE FROM platform_brand")
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, status) VALUES ('x', 'default', 'failed')"
        )
    found = {name: _finding(doctor, name) for name in ("tables", "brand", "jobs")}
    assert {name: finding.state for name, finding in found.items()} == {
        "tables": "fail",
        "brand": "fail",
        "jobs": "warn",
    }
    assert "platform.0001_initial" in found["tables"].found
    assert found["jobs"].found == "1 failed"


@pytest.mark.usefixtures("say")
def test_a_database_that_is_gone_fails_its_checks_and_leaves_the_others(doctor: ModuleType) -> None:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "no_such_database"
    try:
        states = _states(doctor)
        found = _finding(doctor, "database").found
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
    assert {check for check in GROUND if states[check] == "fail"} == {"database", "tables", "brand", "jobs", "clock"}
    assert "no_such_database" in found


@pytest.mark.usefixtures("say")
def test_contexts_add_checks_of_their_own(doctor: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_checks", dict(doctor._checks))
    doctor.register_check("events", lambda _at: doctor.Finding(state="warn", found="3 set aside", mend="retry"))
    last = doctor.examine(at=datetime.now(UTC))[-1]
    assert dataclasses.asdict(last) == {"name": "events", "state": "warn", "found": "3 set aside", "mend": "retry"}
