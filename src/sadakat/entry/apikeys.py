"""Commands on keys of the REST API."""

import sys
from typing import Annotated

import typer

from sadakat.entry.terminal import Json, boot, now, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="Keys of the REST API.")


@app.command("create")
def create(
    name: str,
    *,
    scopes: Annotated[str, typer.Option(help="What it may do, such as customers:read,metrics:read.")],
    as_json: Json = False,
) -> None:
    """Adds a key and prints it once."""
    boot()
    from sadakat.platform import apikeys, audit

    wanted = [scope.strip() for scope in scopes.replace("|", ",").split(",") if scope.strip()]
    row, key = apikeys.create_key(name=name, scopes=wanted, actor=audit.CLI, at=now())
    if as_json:
        print_json({"id": row.pk, "name": row.name, "scopes": row.scopes, "key": key})
    else:
        say.print(f"Key {row.name} ({', '.join(row.scopes)}), shown only now:")
        sys.stdout.write(key + "\n")


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """The keys, what each may do, and when it was last used."""
    boot()
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
    print_table(rows, as_json=as_json)


@app.command("revoke")
def revoke(key_id: int) -> None:
    """Ends a key at once and for good; its number is in the list."""
    boot()
    from sadakat.platform import apikeys, audit

    is_new = apikeys.revoke_key(key_id=key_id, actor=audit.CLI, at=now())
    say.print("revoked" if is_new else "was revoked already")
