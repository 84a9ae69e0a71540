"""Rows of a file become messages of the log: read, checked, counted once, and durable batch by batch."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection, transaction

from sadakat.events import failures, imports, inbox, plugs, rules
from sadakat.events.files import targets
from sadakat.events.files.mapping import CellFault, RowFault, RowReader, example_of
from sadakat.events.files.reading import Table, open_table
from sadakat.events.files.records import Record
from sadakat.events.files.report import RejectedFile, Tally
from sadakat.events.types import FileReport, ImportPlan, ImportTarget, Message, Row, Source, SourceKind
from sadakat.kernel import ids
from sadakat.kernel.errors import Conflict, Invalid, Refused
from sadakat.platform import audit, brand
from sadakat.platform.database.connection import Lock

# A group is one thing, such as an order with its lines: more rows than this are a column that was mapped wrongly.
MAX_GROUP_ROWS: Final = 10_000
_HASHED_BYTES: Final = 1024 * 1024

Progress = Callable[[int, int], None]
"""Told how many rows are done, and how many there are, after each batch."""

# The same message has the same text in every file and every process: keys in order, numbers as numbers.
_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode

_FRESH: Final = """
    INSERT INTO file_import_keys SELECT DISTINCT mid FROM unnest(%s::uuid[]) AS said (mid)
    WHERE NOT EXISTS (SELECT FROM events_messagekey AS known WHERE known.mid = said.mid)
    ON CONFLICT DO NOTHING RETURNING mid
"""


@dataclass(slots=True)
class _Unit:
    """What counts or is rejected as one: a row, or the rows of one group."""

    records: list[Record]
    messages: list[Message] = field(default_factory=list)
    warnings: list[tuple[int, CellFault]] = field(default_factory=list)


def import_file(
    *,
    path: Path,
    file_name: str,
    plan: ImportPlan,
    source: Source,
    actor: audit.Actor,
    at: datetime,
    dry_run: bool = False,
    rejected_path: Path | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> FileReport:
    """Puts the rows of a file into the inbox, or only says what would become of them.

    Durable in batches and safe to repeat: a row counts once. A row that says when it was true is the same row in
    every file; one that does not is the same row in the same file, and holds from `at` on, a later row of the file
    after an earlier one. Rejected rows go to `rejected_path`, which is made when there are any. `should_stop` is
    asked after each batch; what has been accepted until then stays.

    Raises:
        Invalid: the file or the plan cannot be used.
        Refused: the source is not one for imports, or is switched off.
        Conflict: another import of this source is under way.
    """
    if source.kind is not SourceKind.IMPORT or not source.is_enabled:
        found = source.kind if source.is_enabled else "switched off"
        raise Refused(f"files need an enabled source of kind import; {source.name!r} is {found}")
    target = targets.target_named(plan.target)
    with ExitStack() as stack:
        run = _Run(plan=plan, target=target, source=source, at=at, file_hash=hash_of(path), is_dry=dry_run)
        run.count(path)
        if not dry_run:
            stack.enter_context(_alone(source))
        stack.enter_context(_known_keys(source))
        table = stack.enter_context(open_table(path, format=plan.format))
        report = run.run(
            table,
            rejected_file=RejectedFile(rejected_path, columns=table.columns, format=plan.format, stack=stack),
            progress=progress or (lambda _done, _total: None),
            should_stop=should_stop or (lambda: False),
        )
    if not dry_run:
        _record(report, file_name=file_name, plan=plan, source=source, actor=actor, at=at)
    return report


def hash_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Run:
    """One reading of one file."""

    def __init__(
        self, *, plan: ImportPlan, target: ImportTarget, source: Source, at: datetime, file_hash: str, is_dry: bool
    ) -> None:
        self._plan = plan
        self._target = target
        self._source = source
        self._at = at
        self._file_hash = file_hash
        self._is_dry = is_dry
        self._zone = brand.current().zone
        self._resolver = plugs.resolver()
        self._limit = rules.event_limit(source)
        self._rows_total = 0
        self._rows_of: Counter[str] = Counter()

    def count(self, path: Path) -> None:
        """Reads the file once to know how many rows it has, and how many belong to each group."""
        with open_table(path, format=self._plan.format) as table:
            reader = self._reader(table)
            for record in table.records:
                self._rows_total += 1
                if self._target.group_by and (group := reader.group_of(record)):
                    self._rows_of[group] += 1

    def run(
        self, table: Table, *, rejected_file: RejectedFile, progress: Progress, should_stop: Callable[[], bool]
    ) -> FileReport:
        """Reads the file and puts batch after batch into the inbox."""
        self._tally = Tally(rejected_file=rejected_file)
        self._rows = self._reader(table)
        is_stopped = False
        progress(0, self._rows_total)
        for batch in _batches(self._readable(self._units(table.records))):
            self._append(batch)
            progress(self._tally.rows, self._rows_total)
            if is_stopped := should_stop():
                break
        return self._tally.report(
            is_dry_run=self._is_dry, is_cancelled=is_stopped and self._tally.rows < self._rows_total
        )

    def _reader(self, table: Table) -> RowReader:
        return RowReader(plan=self._plan, target=self._target, columns=table.columns, zone=self._zone)

    def _units(self, records: Iterable[Record]) -> Iterator[_Unit]:
        """Rows that stand alone as they come, groups when their last row has come."""
        waiting: dict[str, list[Record]] = {}
        for record in records:
            group = self._rows.group_of(record) if self._target.group_by else ""
            if not group:
                yield _Unit([record])
                continue
            if self._rows_of[group] > MAX_GROUP_ROWS:
                # Nothing is held back for a group without measure.
                fault = f"{self._rows_of[group]:,} rows belong together; {MAX_GROUP_ROWS:,} are possible"
                yield _Unit([replace(record, fault=fault, found="")])
                continue
            rows = waiting.setdefault(group, [])
            rows.append(record)
            if len(rows) == self._rows_of[group]:
                yield _Unit(waiting.pop(group))

    def _readable(self, units: Iterable[_Unit]) -> Iterator[_Unit]:
        """Each unit with its messages; one that cannot count is rejected, and has none."""
        for unit in units:
            try:
                unit.messages = self._messages(unit)
            except RowFault as error:
                fault = error.fault
                self._reject(unit, column=fault.column, reason=fault.reason, example=fault.value, text=str(error))
            except Invalid as error:
                self._reject_for(unit, text=str(error))
            yield unit

    def _messages(self, unit: _Unit) -> list[Message]:
        """The checked messages of a unit.

        Raises:
            Invalid: it cannot count.
        """
        rows: list[Row] = []
        for record in unit.records:
            if record.found:
                raise RowFault(CellFault("", record.fault, record.found))
            if record.fault:
                raise Invalid(record.fault)
            row, faults = self._rows.row(record)
            rows.append(row)
            unit.warnings += [(row.number, fault) for fault in faults]

        def warn(row: Row, field_name: str, reason: str) -> None:
            value = example_of(row.values.get(field_name, ""))
            unit.warnings.append((row.number, CellFault(self._rows.column_of(field_name), reason, value)))

        said = self._target.messages(rows, warn=warn)
        if not said:
            raise Invalid("the row says nothing that could be counted")
        return [self._message(message, number=rows[-1].number) for message in said]

    def _message(self, said: Mapping[str, Any], *, number: int) -> Message:
        """One message as it goes into the log, under an id that it has wherever it comes from."""
        message = {**said}
        digest = hashlib.sha256(_canonical(said))
        if not said.get("timestamp") and not said.get("originalTimestamp"):
            digest.update(self._file_hash.encode())
            message["timestamp"] = (self._at + timedelta(microseconds=number)).isoformat()
        if not said.get("messageId"):
            message["messageId"] = f"file:{self._target.name}:{digest.hexdigest()}"
        return rules.parse_message(
            _canonical(message),
            source=self._source,
            received_at=self._at,
            sent_at=None,
            limit=self._limit,
            resolver=self._resolver,
        )

    def _append(self, batch: list[_Unit]) -> None:
        """Appends what the log does not know, and counts every unit of the batch."""
        units = [unit for unit in batch if unit.messages]
        fresh = _fresh([self._key(message) for unit in units for message in unit.messages])
        new: list[tuple[_Unit, list[Message]]] = []
        for unit in units:
            messages = []
            for message in unit.messages:
                # Discarded at once: the next equal message is a duplicate, also in the same batch.
                if (key := self._key(message)) in fresh:
                    fresh.discard(key)
                    messages.append(message)
            if messages:
                new.append((unit, messages))
            else:
                self._tally.duplicates += len(unit.records)
                self._warn(unit)
        refused = {} if self._is_dry else imports.append_units([messages for _, messages in new])
        for index, (unit, messages) in enumerate(new):
            if error := refused.get(index):
                self._reject_for(unit, text=inbox.reject_poison(messages[0], error=error).reason)
            else:
                self._accept(unit)

    def _key(self, message: Message) -> UUID:
        return ids.message_key(self._source.id, message.message_id)

    def _accept(self, unit: _Unit) -> None:
        self._tally.accepted += len(unit.records)
        self._warn(unit)
        if self._is_dry:
            for message in unit.messages:
                said = msgspec.json.decode(message.body)
                del said["messageId"]
                self._tally.preview(unit.records[0].number, said)

    def _warn(self, unit: _Unit) -> None:
        for number, fault in unit.warnings:
            self._tally.warnings.add(column=fault.column, reason=fault.reason, row=number, example=fault.value)

    def _reject_for(self, unit: _Unit, *, text: str) -> None:
        """Rejects for a reason that names no column and may hold values, which are then its example."""
        reason = failures.without_values(text)
        self._reject(unit, column="", reason=reason, example="" if reason == text else text, text=text)

    def _reject(self, unit: _Unit, *, column: str, reason: str, example: str, text: str) -> None:
        self._tally.reject(unit.records, column=column, reason=reason, example=example, text=text)


def _batches(units: Iterable[_Unit]) -> Iterator[list[_Unit]]:
    """So many units that one commit holds them; those without messages count too, so that progress is told."""
    batch: list[_Unit] = []
    count = size = 0
    for unit in units:
        batch.append(unit)
        count += max(len(unit.messages), len(unit.records))
        size += sum(len(message.body) for message in unit.messages)
        if count >= imports.MAX_BATCH_MESSAGES or size >= imports.MAX_BATCH_BYTES:
            yield batch
            batch, count, size = [], 0, 0
    if batch:
        yield batch


@contextmanager
def _alone(source: Source) -> Iterator[None]:
    """Keeps other imports of the source out: each would count what the other appends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [int(Lock.IMPORT), source.id])
        if cursor.fetchone() != (True,):
            raise Conflict(f"another file is being imported as {source.name!r}; wait until it is done")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [int(Lock.IMPORT), source.id])


@contextmanager
def _known_keys(source: Source) -> Iterator[None]:
    """The keys of this import, in a table that only this connection sees.

    It begins with those that wait in the inbox, which has no index on them; what the sequencer takes from there
    later stays known. So memory does not grow with the file.
    """
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE file_import_keys (mid uuid PRIMARY KEY)")
        cursor.execute(
            "INSERT INTO file_import_keys SELECT DISTINCT mid FROM events_inbox WHERE source_id = %s", [source.id]
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE file_import_keys")


def _fresh(keys: list[UUID]) -> set[UUID]:
    """Those that neither the log, nor the inbox, nor an earlier row has; they count as known from now on."""
    with connection.cursor() as cursor:
        cursor.execute(_FRESH, [keys])
        return {row[0] for row in cursor.fetchall()}


def _record(
    report: FileReport, *, file_name: str, plan: ImportPlan, source: Source, actor: audit.Actor, at: datetime
) -> None:
    with transaction.atomic(durable=True):
        audit.record(
            actor=actor,
            at=at,
            action="events.file_imported",
            subject=f"source:{source.id}",
            new={
                "file_name": file_name,
                "target": plan.target,
                "rows": report.rows,
                "accepted": report.accepted,
                "duplicates": report.duplicates,
                "rejected": report.rejected,
                "is_cancelled": report.is_cancelled,
            },
        )
