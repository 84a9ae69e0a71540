"""What the tests of the REST API share: callers with keys of any scopes, and the shop that they ask about."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

NOW = datetime.fromisoformat("2026-11-20T09:00:00+00:00")


class Caller:
    """A program with a key; `ask` gives status and document."""

    def __init__(self, key: str) -> None:
        from django.test import Client

        self.key = key
        self.client = Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {key}"})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(method, f"/api/v1{path}", raw, content_type="application/json", headers=said)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        answer = self.send(method, path, body, **headers)
        return answer.status_code, answer.json()

    def get(self, path: str) -> Any:
        status, document = self.ask("GET", path)
        assert status == 200, document
        return document


def caller(*scopes: str) -> Caller:
    """A caller with these scopes, or with all of them."""
    from sadakat.platform import apikeys, audit

    return Caller(apikeys.create_key(name="Till", scopes=scopes or list(apikeys.Scope), actor=audit.CLI, at=NOW)[1])


def refusal(status: int, title: str, detail: str, **more: Any) -> tuple[int, Any]:
    return status, {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


@pytest.fixture
def shop(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop of the pages' tests, worked off, with a goal."""
    from sadakat.analytics import api as analytics
    from sadakat.platform import audit, lake
    from sadakat.platform.models import User
    from tests.web import shop as shop_data

    monkeypatch.setattr(lake, "folder", lambda: tmp_path)
    shop_data.fill()
    analytics.create_goal(
        name="Come back",
        metric="retention_rate",
        target=0.5,
        by_date=date(2025, 6, 30),
        owner_id=User.objects.get(role="owner").pk,
        department="marketing",
        actor=audit.CLI,
        at=NOW,
    )


def idof(ref: str) -> int:
    from sadakat.customers import api as customers

    return customers.find(ref)


def audited() -> list[tuple[Any, ...]]:
    from sadakat.platform.models import AuditEntry

    rows = AuditEntry.objects.filter(actor__startswith="apikey:").order_by("id")
    return list(rows.values_list("actor_name", "action", "subject"))


# Keys


def walk(till: Any, path: str, *, limit: int) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    query = f"{path}{'&' if '?' in path else '?'}limit={limit}"
    page = till.get(query)
    while True:
        assert len(page["items"]) == limit or page["next"] is None
        items += page["items"]
        if page["next"] is None:
            return items
        page = till.get(f"{query}&before={page['next']}")
