"""Logs of every library in one form: a dotted event name, ids as fields, no personal data."""

import logging
import re
import sys
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

# What must not appear even by accident, such as in the text of a database error.
_PERSONAL: Final = (
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?<![\w-])\+?\d(?:[ ()-]?\d){9,18}(?![\w-])"), "[number]"),
)
_LEVELS: Final = {
    "asyncio": logging.WARNING,
    "django": logging.WARNING,
    "procrastinate": logging.WARNING,
    "psycopg": logging.WARNING,
    "uvicorn": logging.INFO,
    # Addresses of pages carry what people search for and the tokens of log-in links.
    "uvicorn.access": logging.CRITICAL,
}


def hide_personal_data(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replaces e-mail addresses and long numbers (phones, cards, national ids) in every text of an entry."""
    return {key: value if key == "timestamp" else _hidden(value) for key, value in event.items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, replacement in _PERSONAL:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in value]
    return value


def configure(*, stream: TextIO | None = None, as_json: bool | None = None) -> None:
    """Sends the logs of this process to `stream`, by default standard error.

    They are JSON lines, or `key=value` for a person at a terminal. Call it once a process, before the first entry;
    calling it again replaces the earlier choice.
    """
    stream = stream or sys.stderr
    use_json = not stream.isatty() if as_json is None else as_json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if use_json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                hide_personal_data,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(capture=True)
    for name, level in _LEVELS.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers.clear()
        logger.propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
