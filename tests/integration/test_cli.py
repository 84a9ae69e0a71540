"""The command line as people and scripts use it: every command in a process of its own, on one real database."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
QUIET = "nanobind"  # what a library in C says when it is left behind at the end of the process


@pytest.fixture
def sadakat(database: str, tmp_path: Path) -> Command:
    """Runs `sadakat …` on the test's database; checks the exit code and that nothing is said but by us."""
    from psycopg.conninfo import conninfo_to_dict

    address = "&".join(f"{key}={value}" for key, value in conninfo_to_dict(database).items())
    environment = {**os.environ, "DATABASE_URL": f"postgresql://?{address}", "SADAKAT_HOME": str(tmp_path / "home")}

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "sadakat.entry", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert QUIET not in done.stderr
        return done

    return run


def test_a_key_is_printed_once_and_what_is_sent_is_worked_off(sadakat: Command) -> None:
    made = json.loads(sadakat("source", "create", "Till", "--kind", "server", "--json").stdout)
    assert set(made) == {"id", "name", "kind", "write_key"}
    assert made["kind"] == "server"
    listed = json.loads(sadakat("source", "list", "--json").stdout)
    assert [row["name"] for row in listed if row["id"] == made["id"]] == ["Till"]
    assert made["write_key"] not in json.dumps(listed)
    done = json.loads(sadakat("work", "--until-idle", "--at", "2026-11-20T12:00:00+03:00", "--json").stdout)
    assert done["events.sequencer"] == 0
    figures = json.loads(sadakat("metrics", "--as-of", "2026-11-01", "--period", "week", "--json").stdout)
    assert (figures["orders"], figures["retention_rate"]) == (0, None)
    assert figures["revenue"] == {"amount": 0, "currency": "TRY"}


def test_events_rates_and_team(sadakat: Command) -> None:
    assert json.loads(sadakat("events", "failed", "--json").stdout) == []
    assert json.loads(sadakat("events", "rejected", "--json").stdout) == []
    assert "taken: 0, still rejected: 0, not kept whole: 0" in sadakat("events", "replay").stderr
    assert "solved: 0" in sadakat("events", "retry").stderr
    assert "1 EUR = 48.25" in sadakat("rates", "set", "eur", "48.25", "--from", "2026-11-01").stderr
    rates = json.loads(sadakat("rates", "list", "--json").stdout)
    assert rates == [{"currency": "EUR", "from": "2026-11-01", "rate": "48.25"}]
    link = sadakat("team", "add", "elif@example.com", "--name", "Elif", "--role", "marketer").stdout
    assert link.startswith("http://localhost:8000/login/")
    assert sadakat("team", "link", "elif@example.com").stdout.startswith("http://localhost:8000/login/")


def test_a_key_of_the_api_is_printed_once_and_revoked(sadakat: Command) -> None:
    made = json.loads(sadakat("apikey", "create", "Till", "--scopes", "metrics:read|customers:read", "--json").stdout)
    key = made.pop("key")
    assert made == {"id": made["id"], "name": "Till", "scopes": ["customers:read", "metrics:read"]}
    listed = json.loads(sadakat("apikey", "list", "--json").stdout)
    row = {"id": made["id"], "name": "Till", "ends_in": key[-4:], "scopes": made["scopes"], "last_used_date": None}
    assert listed == [row | {"is_revoked": False}]
    assert "revoked" in sadakat("apikey", "revoke", str(made["id"])).stderr
    assert "was revoked already" in sadakat("apikey", "revoke", str(made["id"])).stderr
    assert json.loads(sadakat("apikey", "list", "--json").stdout) == [row | {"is_revoked": True}]


def test_the_doctor_names_what_it_finds(sadakat: Command) -> None:
    findings = {finding["name"]: finding for finding in json.loads(sadakat("doctor", "--json").stdout)}
    assert {"consumers", "events set aside"} <= set(findings)
    assert {finding["state"] for finding in findings.values()} <= {"ok", "warn"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("source", "create", "Ours", "--kind", "system"), 1, "there is one system source"),
        (("rates", "set", "EURO", "1", "--from", "2026-11-01"), 1, "three letters"),
        (("rates", "set", "EUR", "many", "--from", "2026-11-01"), 2, "expected a number"),
        (("apikey", "create", "Till", "--scopes", "everything"), 1, "not everything"),
        (("apikey", "revoke", "99"), 1, "there is no API key 99"),
        (("team", "link", "nobody@example.com"), 1, "nobody in the team"),
        (("work", "--until-idle", "--at", "yesterday"), 1, "expected an instant"),
        (("bench", "nothing"), 1, "there is no benchmark"),
        (("metrics", "--as-of", "2026-13-01"), 2, "expected a date"),
        (("demo", "--dates", "tomorrow"), 2, "tomorrow"),
        (("serve",), 1, "SADAKAT_SECRET_KEY"),
    ],
)
def test_a_refusal_is_one_clear_line(sadakat: Command, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert said in " ".join(sadakat(*arguments, code=code).stderr.replace("│", " ").split())
