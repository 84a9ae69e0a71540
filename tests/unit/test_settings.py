"""What the environment may say, and each thing that it may not."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sadakat.kernel.errors import Invalid
from sadakat.platform import settings


def test_an_empty_environment_gives_safe_defaults() -> None:
    here = settings.from_environment({})
    home = Path.home() / ".sadakat"
    assert dataclasses.asdict(here) == {
        "home": home,
        "database_url": None,
        "engine": "duckdb",
        "lake": home / "lake",
        "base_url": "http://localhost:8000",
        "secret_key": None,
        "language": "en",
        "time_zone": "Europe/Istanbul",
        "currency": "TRY",
        "email_url": None,
        "events_kept_days": 3650,
        "allows_private_webhooks": False,
        "chains_ledger": False,
    }
    assert (here.is_https, here.host) == (False, "localhost")


def test_everything_said_is_taken() -> None:
    here = settings.from_environment(
        {
            "SADAKAT_HOME": "/srv/shop",
            "DATABASE_URL": " postgresql://sadakat@db/shop ",
            "SADAKAT_LAKE": "/srv/lake",
            "SADAKAT_BASE_URL": "https://sadakat.example.com/",
            "SADAKAT_SECRET_KEY": "k" * 32,
            "SADAKAT_LANGUAGE": "tr",
            "SADAKAT_TIME_ZONE": "America/New_York",
            "SADAKAT_CURRENCY": "USD",
            "SADAKAT_EVENTS_KEPT_DAYS": "730",
            "SADAKAT_WEBHOOK_PRIVATE": "1",
            "SADAKAT_LEDGER_CHAIN": "1",
        }
    )
    assert (here.home, here.lake) == (Path("/srv/shop"), Path("/srv/lake"))
    assert here.database_url == "postgresql://sadakat@db/shop"
    assert (here.base_url, here.is_https, here.host) == ("https://sadakat.example.com", True, "sadakat.example.com")
    assert (here.language, here.time_zone, here.currency) == ("tr", "America/New_York", "USD")
    assert here.events_kept_days == 730
    assert here.allows_private_webhooks
    assert here.chains_ledger


def test_a_blank_variable_counts_as_not_said() -> None:
    assert settings.from_environment({"SADAKAT_CURRENCY": "  ", "DATABASE_URL": ""}) == settings.from_environment({})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DATABASE_URL", "mysql://db/shop", "DATABASE_URL must start with postgresql://"),
        ("DATABASE_URL", "/var/db.sqlite3", "DATABASE_URL must start with postgresql://"),
        ("SADAKAT_ENGINE", "pandas", "SADAKAT_ENGINE can be duckdb, not 'pandas'"),
        ("SADAKAT_BASE_URL", "sadakat.example.com", "SADAKAT_BASE_URL must be like https://"),
        ("SADAKAT_BASE_URL", "ftp://sadakat.example.com", "SADAKAT_BASE_URL must be like https://"),
        ("SADAKAT_BASE_URL", "https://", "SADAKAT_BASE_URL must be like https://"),
        ("SADAKAT_BASE_URL", "https://[oops", "SADAKAT_BASE_URL must be like https://"),
        ("SADAKAT_BASE_URL", "https://example.com:port", "SADAKAT_BASE_URL must be like https://"),
        ("SADAKAT_BASE_URL", "https://example.com/console", "SADAKAT_BASE_URL must be like https://"),
        ("SADAKAT_LANGUAGE", "de", "SADAKAT_LANGUAGE can be en or tr, not 'de'"),
        ("SADAKAT_SECRET_KEY", "k" * 31, "SADAKAT_SECRET_KEY needs at least 32 characters"),
        ("SADAKAT_TIME_ZONE", "Istanbul", "SADAKAT_TIME_ZONE: expected an IANA time zone"),
        ("SADAKAT_CURRENCY", "TL", "SADAKAT_CURRENCY: "),
        ("SADAKAT_EVENTS_KEPT_DAYS", "0", "SADAKAT_EVENTS_KEPT_DAYS can be 1 to 3650, not '0'"),
        ("SADAKAT_EVENTS_KEPT_DAYS", "two years", "SADAKAT_EVENTS_KEPT_DAYS can be 1 to 3650, not 'two years'"),
        ("SADAKAT_LEDGER_CHAIN", "on", "SADAKAT_LEDGER_CHAIN can be 0 or 1, not 'on'"),
        ("SADAKAT_WEBHOOK_PRIVATE", "yes", "SADAKAT_WEBHOOK_PRIVATE can be 0 or 1, not 'yes'"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: str, message: str) -> None:
    with pytest.raises(Invalid, match="^" + message.replace("(", r"\(")):
        settings.from_environment({name: value})


def test_a_secret_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(Invalid) as refusal:
        settings.from_environment({"SADAKAT_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(refusal.value)
    with pytest.raises(Invalid) as refusal:
        settings.from_environment({"DATABASE_URL": "mysql://me:hunter2@db/shop"})
    assert "hunter2" not in str(refusal.value)


def test_the_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.from_environment({}).currency = "USD"  # type: ignore[misc]


def test_the_settings_do_not_show_their_secrets() -> None:
    said = {"SADAKAT_SECRET_KEY": "k" * 40, "DATABASE_URL": "postgresql://me:hunter2@db/shop"}
    shown = repr(settings.from_environment(said))
    assert "hunter2" not in shown
    assert "kkkk" not in shown


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("http://localhost:8000", [0, False, False, False, None, ["127.0.0.1", "[::1]", "localhost"]]),
        (
            "https://sadakat.example.com",
            [
                31_536_000,
                True,
                True,
                True,
                ["HTTP_X_FORWARDED_PROTO", "https"],
                ["127.0.0.1", "[::1]", "localhost", "sadakat.example.com"],
            ],
        ),
    ],
)
def test_over_https_cookies_are_secure_and_browsers_stay_with_it(base_url: str, expected: list[object]) -> None:
    names = (
        "SECURE_HSTS_SECONDS SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE LANGUAGE_COOKIE_SECURE "
        "SECURE_PROXY_SSL_HEADER ALLOWED_HOSTS"
    )
    script = (
        "import json; from sadakat.config import django_settings as s; "
        f"print(json.dumps([getattr(s, name) for name in {names.split()}]))"
    )
    environment = {**os.environ, "SADAKAT_BASE_URL": base_url}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == expected
