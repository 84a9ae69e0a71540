"""Commands on segments."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sadakat.entry.terminal import Json, boot, now, print_json, print_table, say
from sadakat.kernel.errors import Invalid

app = typer.Typer(no_args_is_help=True, help="Segments: who belongs together by what is known of them.")

RuleFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help='JSON: {"version": 1, "where": …}')]


@app.command("list")
def list_(*, archived: Annotated[bool, typer.Option(help="Archived ones too.")] = False, as_json: Json = False) -> None:
    """The segments with their sizes."""
    boot()
    from sadakat.segments import api as segments

    rows = [
        {
            "key": each.key,
            "name": each.name,
            "kind": each.kind,
            "group": each.group,
            "size": each.size,
            "ready": each.is_ready,
            "version": each.version,
        }
        for each in segments.segments(include_archived=archived)
    ]
    print_table(rows, as_json=as_json)


@app.command("preview")
def preview(file: RuleFile, *, as_json: Json = False) -> None:
    """Asks a rule of everybody in the lake; nothing is saved."""
    document = _read(file)
    boot()
    from sadakat.segments import api as segments

    found = segments.preview(_rule(document), at=now())
    if as_json:
        print_json({"count": found.count, "everybody": found.everybody, "sample": list(found.sample)})
    else:
        say.print(
            f"{found.count:,} of {found.everybody:,} customers, such as {', '.join(map(str, found.sample)) or '–'}"
        )


@app.command("members")
def members(key: str, *, as_json: Json = False) -> None:
    """Everybody in a segment, by customer id."""
    boot()
    from sadakat.segments import api as segments

    rows: list[dict[str, Any]] = []
    while page := segments.members(key, after=rows[-1]["customer_id"] if rows else 0, limit=10_000):
        rows += [
            {
                "customer_id": each.customer_id,
                "since_at": each.since_at.isoformat(),
                "changes_at": each.changes_at.isoformat() if each.changes_at else None,
            }
            for each in page
        ]
    print_table(rows, as_json=as_json)


@app.command("apply")
def apply(file: RuleFile, *, as_json: Json = False) -> None:
    """Adds or changes the segment of a JSON file: key, name, description, and where (left out for a list)."""
    said = _read(file)
    if unknown := sorted(set(said) - {"key", "name", "description", "where"}):
        raise Invalid(f"a segment's file says key, name, description and where, not {', '.join(unknown)}")
    if not isinstance(said.get("key"), str):
        raise Invalid("a segment's file needs a key")
    boot()
    from sadakat.kernel.errors import NotFound
    from sadakat.platform import audit
    from sadakat.segments import api as segments

    values = {
        "actor": audit.CLI,
        "at": now(),
        **{name: said[name] for name in ("description", "where") if name in said},
    }
    try:
        segments.segment_named(said["key"])
    except NotFound:
        made = segments.create_segment(**{"where": None, **values}, key=said["key"], name=said.get("name", said["key"]))
    else:
        made = segments.change_segment(said["key"], name=said.get("name"), **values)
    if as_json:
        print_json({"key": made.key, "version": made.version, "ready": made.is_ready})
    else:
        say.print(f"{made.key}: version {made.version}. `sadakat work --until-idle` asks everybody.")


@app.command("sweep")
def sweep(*, as_json: Json = False) -> None:
    """Asks every rule of everybody anew and corrects what was wrong, which should be nothing."""
    boot()
    from sadakat.segments import api as segments

    report = asdict(segments.sweep(at=now()))
    if as_json:
        print_json(report | {"at": report["at"].isoformat()})
    else:
        say.print(
            f"{report['segments']} segments, {report['customers']:,} customers: {report['corrections']} corrections "
            f"in {report['seconds']:.1f} s"
        )


def _rule(said: dict[str, Any]) -> dict[str, Any]:
    """The predicate of a file, which may be that of a whole segment."""
    return said["where"] if "key" in said and isinstance(said.get("where"), dict) else said


def _read(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Invalid(f"{file.name} is no JSON: {error}") from None
    if not isinstance(said, dict):
        raise Invalid(f"{file.name} must hold an object")
    return said
