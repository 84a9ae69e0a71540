"""One frozen settings object, read from the environment once and failing loudly."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from sadakat.kernel import money, time
from sadakat.kernel.errors import Invalid

LANGUAGES = ("en", "tr")
SECRET_KEY_MIN_CHARACTERS = 32
EVENTS_KEPT_DAYS = 3650
EMAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
"""Ways to reach a mail server, each with the port that is meant where none is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says. A field that is None was not said."""

    home: Path
    """Data folder; each home is its own embedded database."""
    database_url: str | None = field(repr=False)
    """An existing PostgreSQL (15 or newer) instead of the embedded one."""
    engine: str
    """Where figures are computed: `duckdb`."""
    lake: Path
    """Folder of the Parquet files."""
    base_url: str
    """Where people reach the console; `https://` switches on HSTS and secure cookies."""
    secret_key: str | None = field(repr=False)
    """Signs sessions and links; required to serve anything but the demo."""
    language: str
    time_zone: str
    """IANA zone of the brand, taken when a home is set up."""
    currency: str
    """ISO 4217 code of the brand, taken when a home is set up."""
    email_url: str | None = field(repr=False)
    events_kept_days: int
    """How far back rules may look."""
    allows_private_webhooks: bool
    """Whether webhooks may be sent to addresses inside our own network."""
    chains_ledger: bool
    """Whether entries of the points ledger are chained by hashes; a chain that has begun goes on."""

    @property
    def is_https(self) -> bool:
        """Whether people reach us over TLS."""
        return self.base_url.startswith("https://")

    @property
    def host(self) -> str:
        """Host name of `base_url`."""
        return urlsplit(self.base_url).hostname or "localhost"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Reads and checks `environ`.

    Raises:
        Invalid: a variable has a value that cannot be used; the message names it.
    """

    def said(name: str) -> str | None:
        return environ.get(name, "").strip() or None

    home = Path(said("SADAKAT_HOME") or Path.home() / ".sadakat").expanduser().absolute()
    settings = Settings(
        home=home,
        database_url=said("DATABASE_URL"),
        engine=said("SADAKAT_ENGINE") or "duckdb",
        lake=Path(said("SADAKAT_LAKE") or home / "lake").expanduser().absolute(),
        base_url=(said("SADAKAT_BASE_URL") or "http://localhost:8000").rstrip("/"),
        secret_key=said("SADAKAT_SECRET_KEY"),
        language=said("SADAKAT_LANGUAGE") or "en",
        time_zone=said("SADAKAT_TIME_ZONE") or "Europe/Istanbul",
        currency=said("SADAKAT_CURRENCY") or "TRY",
        email_url=said("SADAKAT_EMAIL_URL"),
        events_kept_days=_days(said("SADAKAT_EVENTS_KEPT_DAYS")),
        allows_private_webhooks=_flag("SADAKAT_WEBHOOK_PRIVATE", said("SADAKAT_WEBHOOK_PRIVATE")),
        chains_ledger=_flag("SADAKAT_LEDGER_CHAIN", said("SADAKAT_LEDGER_CHAIN")),
    )
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if not (settings.database_url or "postgresql:").startswith(("postgresql:", "postgres:")):
        raise Invalid("DATABASE_URL must start with postgresql://")
    if settings.engine != "duckdb":
        raise Invalid(f"SADAKAT_ENGINE can be duckdb, not {settings.engine!r}")
    if not _is_origin(settings.base_url):
        raise Invalid(f"SADAKAT_BASE_URL must be like https://sadakat.example.com, not {settings.base_url!r}")
    if settings.language not in LANGUAGES:
        raise Invalid(f"SADAKAT_LANGUAGE can be {' or '.join(LANGUAGES)}, not {settings.language!r}")
    if settings.secret_key is not None and len(settings.secret_key) < SECRET_KEY_MIN_CHARACTERS:
        raise Invalid(f"SADAKAT_SECRET_KEY needs at least {SECRET_KEY_MIN_CHARACTERS} characters")
    if settings.email_url is not None and not _is_mail_server(settings.email_url):
        ways = ", ".join(f"{scheme}://" for scheme in EMAIL_PORTS)
        raise Invalid(f"SADAKAT_EMAIL_URL must begin with one of {ways}, and name a host and perhaps a port")
    try:
        time.zone(settings.time_zone)
    except Invalid as error:
        raise Invalid(f"SADAKAT_TIME_ZONE: {error}") from None
    try:
        money.currency_code(settings.currency)
    except Invalid as error:
        raise Invalid(f"SADAKAT_CURRENCY: {error}") from None


def _days(said: str | None) -> int:
    if said is None:
        return EVENTS_KEPT_DAYS
    if not said.isascii() or not said.isdecimal() or not 1 <= int(said) <= EVENTS_KEPT_DAYS:
        raise Invalid(f"SADAKAT_EVENTS_KEPT_DAYS can be 1 to {EVENTS_KEPT_DAYS}, not {said!r:.20}")
    return int(said)


def _flag(name: str, said: str | None) -> bool:
    if said not in {None, "0", "1"}:
        raise Invalid(f"{name} can be 0 or 1, not {said!r:.20}")
    return said == "1"


def _is_origin(url: str) -> bool:
    """Whether `url` is scheme, host and perhaps port, and nothing else."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts.scheme in {"http", "https"} and url.lower() == f"{parts.scheme}://{host}{port}"


def _is_mail_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in EMAIL_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@cache
def current() -> Settings:
    """The settings of this process."""
    return from_environment(os.environ)
