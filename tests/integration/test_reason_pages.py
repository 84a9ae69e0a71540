"""Reasons on pages: kept in English, read in the reader's language, marked where nobody has translated them."""

import html
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from django.urls import reverse
from django.utils import translation

from sadakat.events import api as events
from sadakat.events import models
from sadakat.events.files import desk
from sadakat.events.types import FileReport, ImportNote, ImportState, SourceKind
from sadakat.platform import audit, operations

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def deniz(database: str) -> Iterator[Any]:
    from django.test import Client

    from sadakat.platform.login import BACKEND

    person = operations.create_user(
        email="deniz@moda.example", name="Deniz", role="owner", language="tr", actor=audit.CLI, at=NOW
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(person, backend=BACKEND)
    # A request leaves its language behind in the thread.
    with translation.override("en"):
        yield client


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def test_rejected_events_say_why_in_turkish(deniz: Any) -> None:
    source = events.create_source(name="shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)[0]
    events.import_messages(source=source, raw_messages=[b'{"type": "track", "userId": "1"}'], at=NOW)
    [row] = events.rejected_events()
    assert row.reason == "a track call needs the name of its event"
    for place in (
        f"{reverse('failed_events')}?state=rejected",
        reverse("rejected_event", args=[row.id]),
        reverse("source", args=[source.id]),
    ):
        page = text(deniz.get(place))
        assert "track çağrısında olayın adı gerekli" in page
        assert row.reason not in page
    models.RejectedEvent.objects.update(reason="ValueError: <strange>")
    page = deniz.get(reverse("rejected_event", args=[row.id])).content.decode()
    assert '<span lang="en">ValueError: &lt;strange&gt;</span>' in page


def test_a_form_and_a_refusal_speak_turkish(deniz: Any) -> None:
    events.create_source(name="shop", kind=SourceKind.SERVER, actor=audit.CLI, at=NOW)
    answer = deniz.post(reverse("new_source"), {"name": "shop", "kind": "server"})
    assert "'shop' adında başka bir kaynak var" in text(answer)
    answer = deniz.get(reverse("customers"), {"f": "nonsense"})
    assert answer.status_code == 422
    assert "“nonsense” bu listenin" in text(answer)
    assert 'lang="en">“' not in text(answer)


def test_the_report_of_an_import_is_in_turkish(deniz: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "folder", lambda: tmp_path / "imports")
    staged = events.stage_import(
        file=io.BytesIO(b"e-mail\na@x.com\n"), file_name="a.csv", target="customers", actor=audit.CLI, at=NOW
    )
    report = FileReport(
        rows=3,
        accepted=0,
        duplicates=0,
        rejected=3,
        rejections=(
            ImportNote(column="", reason="expected 13 cells", count=2, first_row=2, example="10"),
            ImportNote(
                column="", reason="no identifier: email …", count=1, first_row=4, example="no identifier: email 'x'"
            ),
        ),
        warnings=(),
        preview=(),
        is_dry_run=True,
        is_cancelled=False,
    )
    models.FileImport.objects.filter(pk=staged.id).update(state=ImportState.CHECKED, report=msgspec.to_builtins(report))
    page = text(deniz.get(reverse("import", args=[staged.id])))
    assert '13 hücre bekleniyordu <code class="soft">10</code>' in page
    assert "kimlik bilgisi yok: email …" in page
    assert "<code class=\"soft\">kimlik bilgisi yok: email 'x'</code>" in page
    models.FileImport.objects.filter(pk=staged.id).update(state=ImportState.FAILED, error="the file is empty")
    assert "<p>dosya boş</p>" in text(deniz.get(reverse("import", args=[staged.id])))
