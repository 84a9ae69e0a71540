"""Logs: one form for all libraries, and nothing in them that names a person."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from sadakat.platform import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs go; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level, levels = root.handlers[:], root.level, {n: logging.getLogger(n).level for n in logs._LEVELS}
    try:
        yield io.StringIO()
    finally:
        structlog.reset_defaults()
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, value in levels.items():
            logging.getLogger(name).setLevel(value)


def _entries(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_away_from_a_terminal_an_entry_is_a_json_line(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    structlog.get_logger("sadakat.events").info("events.batch_done", events=7, source=3)
    (entry,) = _entries(stream)
    assert str(entry.pop("timestamp")).endswith("Z")
    assert entry == {
        "event": "events.batch_done",
        "events": 7,
        "source": 3,
        "level": "info",
        "logger": "sadakat.events",
    }


def test_at_a_terminal_an_entry_is_key_value(stream: io.StringIO) -> None:
    logs.configure(stream=stream, as_json=False)
    structlog.get_logger().warning("events.batch_done", events=7)
    assert "events.batch_done" in stream.getvalue()
    assert "events=7" in stream.getvalue()


def test_libraries_log_in_the_same_form_and_only_what_matters(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    logging.getLogger("django.request").warning("Not Found: %s", "/customers/9/")
    logging.getLogger("django.db.backends").debug("SELECT 1")
    logging.getLogger("procrastinate.worker").info("Starting job mail(to=x)")
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.access").info("GET /login/token/")
    assert [(entry["logger"], entry["event"]) for entry in _entries(stream)] == [
        ("django.request", "Not Found: /customers/9/"),
        ("uvicorn.error", "Started server process"),
    ]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Key (email)=(ayse.yilmaz+shop@example.com.tr) exists", "Key (email)=([e-mail]) exists"),
        ("call +90 532 123 45 67 now", "call [number] now"),
        ("call 05321234567", "call [number]"),
        ("card 4111-1111-1111-1111", "card [number]"),
        ("order 123456789 at 2026-11-20", "order 123456789 at 2026-11-20"),
        ("job 0192f0c1-7a55-7c5e-9f5b-000000000001", "job 0192f0c1-7a55-7c5e-9f5b-000000000001"),
    ],
)
def test_what_names_a_person_is_hidden_in_every_text(stream: io.StringIO, said: str, shown: str) -> None:
    logs.configure(stream=stream)
    structlog.get_logger().info("x.y", text=said, deep={"list": [said]})
    logging.getLogger("django.request").error(said)
    ours, theirs = _entries(stream)
    assert (ours["text"], ours["deep"], theirs["event"]) == (shown, {"list": [shown]}, shown)


def test_also_in_the_text_of_an_exception(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    try:
        int("ayse@example.com")
    except ValueError:
        structlog.get_logger().exception("customers.lost")
    (entry,) = _entries(stream)
    assert entry["level"] == "error"
    assert "ValueError: invalid literal for int() with base 10: '[e-mail]'" in str(entry["exception"])
    assert "ayse" not in stream.getvalue()
