"""`sadakat import`: files from the command line."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sadakat.entry.terminal import Json, boot, now, print_json, say
from sadakat.events.types import FileReport, ImportNote, ImportPlan, Inspection, Source
from sadakat.kernel.errors import Invalid, NotFound, Refused

SHOWN_NOTES = 20


def import_file(
    target: Annotated[str, typer.Argument(help="customers, products, orders, events or spend")],
    file: Annotated[Path, typer.Argument(help="CSV, Excel, Parquet or JSON lines")],
    *,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COL=FIELD", help="What a column says; COL= leaves it out. May be repeated."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="A source of kind import; default Files.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of the rows.")] = False,
    encoding: Annotated[str | None, typer.Option(help="Such as utf-8 or cp1254.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between the cells of a CSV file; tab for a tab.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of an Excel file; default the first.")] = None,
    decimal_mark: Annotated[str | None, typer.Option(help="The comma or the point.")] = None,
    day_order: Annotated[str | None, typer.Option(help="dmy or mdy.")] = None,
    preset: Annotated[str | None, typer.Option(help="A saved mapping.")] = None,
    save_preset: Annotated[str | None, typer.Option(help="Save the mapping under this name.")] = None,
    rejected: Annotated[Path | None, typer.Option(help="Where rejected rows go; default beside the file.")] = None,
    as_json: Json = False,
) -> None:
    """Imports a file and reports accepted, duplicate and rejected rows; the rejected ones go to a file."""
    told = {
        "encoding": encoding,
        "delimiter": "\t" if delimiter in {"tab", "\\t"} else delimiter,
        "sheet": sheet,
        "decimal_mark": decimal_mark,
        "day_order": day_order,
    }
    said = {name: value for name, value in told.items() if value is not None}
    chosen = _mapping(mapping or [])
    _check_format(said)
    rejected_path = _rejected_path(file, rejected)
    boot()
    from sadakat.entry import server

    server.set_up_brand(at=now())
    report = _run(
        target,
        file,
        said=said,
        chosen=chosen,
        source_name=source,
        preset=preset,
        save_preset=save_preset,
        dry_run=dry_run,
        rejected_path=rejected_path,
        at=now(),
    )
    _print(report, rejected_path=rejected_path, as_json=as_json)
    if not report.accepted + report.duplicates:
        raise Invalid(f"no row of {file.name} could be imported")


def _run(
    target: str,
    file: Path,
    *,
    said: Mapping[str, str],
    chosen: Mapping[str, str],
    source_name: str | None,
    preset: str | None,
    save_preset: str | None,
    dry_run: bool,
    rejected_path: Path,
    at: datetime,
) -> FileReport:
    from sadakat.events import api as events
    from sadakat.platform import audit

    inspection = events.inspect_file(file, file_name=file.name, target=target, said=said)
    plan = _plan(target, inspection, preset=preset, chosen=chosen, said=said)
    source = _source(source_name, at=at)
    report = _import(file, plan=plan, source=source, at=at, dry_run=dry_run, rejected_path=rejected_path)
    if save_preset:
        columns = [column.name for column in inspection.columns]
        events.save_preset(name=save_preset, plan=plan, columns=columns, actor=audit.CLI, at=at)
    return report


def _print(report: FileReport, *, rejected_path: Path, as_json: bool) -> None:
    is_written = report.rejected > 0
    if as_json:
        document = {**msgspec.to_builtins(report), "rejected_file": str(rejected_path) if is_written else None}
        print_json(document)
    else:
        _show(report)
    if is_written:
        say.print(f"Rejected rows, to be mended and imported: {rejected_path}", highlight=False, soft_wrap=True)


def _mapping(pairs: list[str]) -> dict[str, str]:
    """The columns and fields of `--map`."""
    chosen = {}
    for pair in pairs:
        column, is_pair, field = pair.rpartition("=")
        if not is_pair or not column:
            raise typer.BadParameter(f"expected COLUMN=FIELD, not {pair!r}")
        chosen[column] = field
    return chosen


def _check_format(said: Mapping[str, str]) -> None:
    for name, possible in (("decimal_mark", (".", ",")), ("day_order", ("dmy", "mdy"))):
        if said.get(name, possible[0]) not in possible:
            raise typer.BadParameter(f"{name} is {' or '.join(possible)}, not {said[name]!r}")
    if len(said.get("delimiter", ",")) != 1:
        raise typer.BadParameter(f"a delimiter is one character, not {said['delimiter']!r}")


def _rejected_path(file: Path, rejected: Path | None) -> Path:
    """Where rejected rows shall go; without `--rejected` a name that is free, as another may be just being mended.

    Raises:
        NotFound: there is no such file.
        Refused: the folder cannot be written.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    names = (file.with_name(f"{file.name}.rejected{'' if n == 1 else f'-{n}'}.csv") for n in count(1))
    path = rejected or next(name for name in names if not name.exists())
    if not os.access(path.parent, os.W_OK):
        raise Refused(f"rejected rows cannot be written to {path.parent}; name another place by --rejected PATH")
    return path


def _plan(
    target: str,
    inspection: Inspection,
    *,
    preset: str | None,
    chosen: Mapping[str, str],
    said: Mapping[str, str],
) -> ImportPlan:
    """What was said about columns, over the preset or the suggestions; shown before it is used."""
    from sadakat.events import api as events

    suggested = {column.name: column.suggestion for column in inspection.columns}
    format_ = inspection.format
    name = preset or inspection.preset
    if preset is not None:
        saved = events.preset_named(target, name=preset).plan
        suggested = {column: field for column, field in saved.mapping.items() if column in suggested}
        kept: dict[str, Any] = {"decimal_mark": saved.format.decimal_mark, "day_order": saved.format.day_order}
        format_ = replace(format_, **{**kept, **said})
    taken = set(chosen.values())
    mapping = {**{column: field for column, field in suggested.items() if field and field not in taken}, **chosen}
    say.print(f"Mapping{f' of the preset {name}' if name else ''}:", highlight=False)
    for column in inspection.columns:
        say.print(f"  {column.name} → {mapping.get(column.name) or '(left out)'}", highlight=False, markup=False)
    return ImportPlan(target=target, mapping=mapping, format=format_)


def _source(name: str | None, *, at: datetime) -> Source:
    from sadakat.events import api as events
    from sadakat.platform import audit

    return events.import_source(actor=audit.CLI, at=at) if name is None else events.source_named(name)


def _import(
    file: Path, *, plan: ImportPlan, source: Source, at: datetime, dry_run: bool, rejected_path: Path
) -> FileReport:
    from sadakat.events import api as events
    from sadakat.platform import audit

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=say) as bar:
        task = bar.add_task("Checking" if dry_run else "Importing", total=None)
        return events.import_file(
            path=file,
            file_name=file.name,
            plan=plan,
            source=source,
            actor=audit.CLI,
            at=at,
            dry_run=dry_run,
            rejected_path=rejected_path,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _show(report: FileReport) -> None:
    table = Table("rows", "accepted", "duplicates", "rejected")
    table.add_row(*(f"{number:,}" for number in (report.rows, report.accepted, report.duplicates, report.rejected)))
    Console().print(table)
    if report.is_dry_run:
        say.print("Nothing was written: this was a dry run.")
    _show_notes("Rejected", report.rejections)
    _show_notes("Left out of rows that count", report.warnings)


def _show_notes(title: str, notes: tuple[ImportNote, ...]) -> None:
    if not notes:
        return
    table = Table("rows", "column", "reason", "first row", "for example", title=title, title_justify="left")
    for note in notes[:SHOWN_NOTES]:
        table.add_row(*map(_plain, (note.count, note.column, note.reason, note.first_row, note.example)))
    say.print(table)


def _plain(value: Any) -> str:
    """Without what the console would take for markup."""
    return str(value).replace("[", "\\[")
