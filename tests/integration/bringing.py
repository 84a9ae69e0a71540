"""Files of two small targets, brought in as people bring theirs."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sadakat.events.types import (
    CellType,
    FileFormat,
    FileKind,
    FileReport,
    ImportField,
    ImportPlan,
    Row,
    Source,
    Warn,
)
from sadakat.kernel.errors import Invalid
from tests.integration import pipeline

CSV = FileFormat(kind=FileKind.CSV)


class Visits:
    """One visit for each row; without a time where the column is missing."""

    name = "visits"
    label = "Visits"
    other_prefix = "property"
    group_by = ""
    fields = (
        ImportField(name="user_id", label="Customer", aliases=("müşteri no",), is_required=True),
        ImportField(name="visited_at", label="Time", type=CellType.INSTANT, aliases=("tarih",)),
        ImportField(name="minutes", label="Minutes", type=CellType.NUMBER),
        ImportField(name="email", label="E-mail", aliases=("e-posta",)),
        ImportField(name="is_member", label="Member", type=CellType.FLAG),
    )

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> list[dict[str, Any]]:
        values = dict(rows[0].values)
        if "@" not in values.get("email", "@"):
            warn(rows[0], "email", "expected an e-mail address")
            del values["email"]
        if values.get("minutes", 0) > 600:
            raise Invalid(f"nobody stays {values['minutes']} minutes with '{values['user_id']}'")
        message: dict[str, Any] = {"type": "track", "event": "Visited", "userId": values.pop("user_id")}
        if at := values.pop("visited_at", None):
            message["timestamp"] = at
        return [message | {"properties": values | rows[0].other}]


class Baskets:
    """A basket for each group of lines; and, where a gift is said, a second message."""

    name = "baskets"
    label = "Baskets"
    other_prefix = ""
    group_by = "basket"
    fields = (
        ImportField(name="basket", label="Basket", is_required=True),
        ImportField(name="user_id", label="Customer"),
        ImportField(name="at", label="Time", type=CellType.INSTANT),
        ImportField(name="price", label="Price", type=CellType.NUMBER),
        ImportField(name="gift", label="Gift"),
    )

    def messages(self, rows: Sequence[Row], *, warn: Warn) -> list[dict[str, Any]]:
        first = rows[0].values
        if "user_id" not in first:
            raise Invalid("a basket needs a customer")
        base = {"type": "track", "userId": first["user_id"], "timestamp": first["at"]}
        prices = [row.values["price"] for row in rows]
        said = [{**base, "event": "Basket", "properties": {"id": first["basket"], "prices": prices}}]
        gifts = [row.values["gift"] for row in rows if "gift" in row.values]
        return said + [{**base, "event": "Gift", "properties": {"name": name}} for name in gifts]


@pytest.fixture
def events(database: str) -> Iterator[ModuleType]:
    from sadakat.events import api
    from sadakat.events.files import targets

    before = dict(targets._targets)
    api.register_targets([Visits(), Baskets(), api.EventsTarget()])
    yield api
    targets._targets.clear()
    targets._targets.update(before)


@pytest.fixture
def source(events: ModuleType, now: datetime) -> Source:
    from sadakat.platform import audit

    return events.import_source(actor=audit.CLI, at=now)


Import = Callable[..., FileReport]


@pytest.fixture
def bring(events: ModuleType, source: Source, now: datetime, tmp_path: Path) -> Import:
    """Imports a text or a file, with the suggested mapping and what is said over it."""
    from sadakat.platform import audit

    def run(content: str | bytes | Path, *, target: str = "visits", mapping: Any = None, **options: Any) -> FileReport:
        path = content if isinstance(content, Path) else tmp_path / "visits.csv"
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        inspection = events.inspect_file(path, file_name=path.name, target=target)
        suggested = {column.name: column.suggestion for column in inspection.columns if column.suggestion}
        plan = ImportPlan(target=target, mapping=suggested | (mapping or {}), format=inspection.format)
        return events.import_file(
            **{
                "path": path,
                "file_name": path.name,
                "plan": plan,
                "source": source,
                "actor": audit.CLI,
                "at": now,
                "rejected_path": tmp_path / "rejected.csv",
            }
            | options
        )

    return run


def counts(report: FileReport) -> tuple[int, int, int, int]:
    assert report.rows == report.accepted + report.duplicates + report.rejected
    return report.rows, report.accepted, report.duplicates, report.rejected


def inbox() -> list[dict[str, Any]]:
    return [json.loads(body) for (body,) in pipeline.rows("SELECT body FROM events_inbox ORDER BY id")]


def rejected(path: Path, delimiter: str = ",") -> list[list[str]]:
    text = path.read_text(encoding="utf-8")
    assert text[0] == "\ufeff"
    return list(csv.reader(io.StringIO(text[1:]), delimiter=delimiter))
