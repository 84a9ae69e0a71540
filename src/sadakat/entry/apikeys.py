"""Commands on keys of the REST API."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Keys of the REST API.")
say = Console(stderr=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output and nothing else.")]


@app.command("create")
def create(
    name: str,
    *,
    scopes: Annotated[str, typer.Option(help="What it may do, such as customers:read,metrics:read.")],
    as_json: Json = False,
) -> None:
    """Adds a key and prints it once."""
    _boot()
    from sadakat.platform import apikeys, audit

    wanted = [scope.strip() for scope in scopes.replace("|", ",").split(",") if scope.strip()]
    row, key = apikeys.create_key(name=name, scopes=wanted, actor=audit.CLI, at=datetime.now(UTC))
    if as_json:
        _print_json({"id": row.pk, "name": row.name, "scopes": row.scopes, "key": key})
    else:
        say.print(f"Key {row.name} ({', '.join(row.scopes)}), shown only now:")
        sys.stdout.write(key + "\n")


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """The keys, what each may do, and when it was last used."""
    _boot()
    from sadakat.platform import apikeys

    rows = [
        {
            "id": row.pk,
            "name": row.name,
            "ends_in": row.key_hint,
            "scopes": row.scopes,
            "last_used_date": row.last_used_date.isoformat() if row.last_used_date else None,
            "is_revoked": row.revoked_at is not None,
        }
        for row in apikeys.every_key()
    ]
    if as_json:
        _print_json(rows)
    elif not rows:
        say.print("none")
    else:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*(", ".join(value) if isinstance(value, list) else str(value) for value in row.values()))
        Console().print(table)


@app.command("revoke")
def revoke(key_id: int) -> None:
    """Ends a key at once and for good; its number is in the list."""
    _boot()
    from sadakat.platform import apikeys, audit

    is_new = apikeys.revoke_key(key_id=key_id, actor=audit.CLI, at=datetime.now(UTC))
    say.print("revoked" if is_new else "was revoked already")


def _boot() -> None:
    from sadakat.config import boot

    boot.start()


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
