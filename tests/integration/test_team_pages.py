"""Log-in, account, team and audit as pages: who gets where, and what it changes."""

import html
from datetime import timedelta
from typing import Any

import pytest

PASSWORD = "kestane balı 42"


@pytest.fixture
def people(database: str) -> dict[str, Any]:
    """Deniz (owner), Elif (marketer), Can (support); Elif has a password."""
    from django.utils import timezone

    from sadakat.platform import audit, operations

    at = timezone.now() - timedelta(hours=2)
    cast = {
        name.lower(): operations.create_user(
            email=f"{name.lower()}@moda.example", name=name, role=role, actor=audit.CLI, at=at
        )
        for name, role in (("Deniz", "owner"), ("Elif", "marketer"), ("Can", "support"))
    }
    operations.set_password(user_id=cast["elif"].id, password=PASSWORD, actor=audit.CLI, at=at)
    return cast


@pytest.fixture
def client(people: dict[str, Any]) -> Any:
    from django.test import Client

    return Client(SERVER_NAME="localhost")


def _as(client: Any, person: Any) -> Any:
    from sadakat.platform.login import BACKEND

    person.refresh_from_db()
    client.force_login(person, backend=BACKEND)
    return client


def _text(response: Any) -> str:
    return html.unescape(response.content.decode())


def _row(person: Any) -> tuple[Any, ...]:
    from sadakat.platform.models import User

    row: tuple[Any, ...] = User.objects.values_list("name", "role", "language", "is_active").get(id=person.id)
    return row


def _audited() -> int:
    from sadakat.platform.models import AuditEntry

    return AuditEntry.objects.count()


def test_a_stranger_is_led_to_the_log_in_and_back(client: Any) -> None:
    answer = client.get("/audit/?actor=cli")
    assert (answer.status_code, answer.url) == (302, "/login/?next=/audit/%3Factor%3Dcli")
    fragment = client.get("/audit/", headers={"HX-Request": "true"})
    assert (fragment.headers["HX-Redirect"], fragment.content) == ("/login/", b"")
    said = {"email": "elif@moda.example", "password": PASSWORD, "next": "/account/"}
    answer = client.post("/login/", said)
    assert (answer.status_code, answer.url) == (302, "/account/")
    assert client.get("/account/").status_code == 200
    assert client.get("/login/?next=/team/").url == "/team/"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_nobody_is_led_to_another_host(client: Any, target: str) -> None:
    answer = client.post("/login/", {"email": "elif@moda.example", "password": PASSWORD, "next": target})
    assert (answer.status_code, answer.url) == (302, "/")


def test_wrong_log_ins_say_one_sentence_and_then_how_long_to_wait(client: Any) -> None:
    said = {"email": "elif@moda.example", "password": "wrong"}
    for _ in range(5):
        answer = client.post("/login/", said)
        assert answer.status_code == 401
        assert "The e-mail address or the password is wrong." in _text(answer)
    answer = client.post("/login/", said | {"password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many failed attempts. Try again in 15 minutes." in _text(answer)
    assert "_auth_user_id" not in client.session


def test_a_link_is_used_by_the_button_and_not_by_opening_it(client: Any, people: dict[str, Any]) -> None:
    from django.utils import timezone

    from sadakat.platform import login

    path = login.log_in_link(people["deniz"], at=timezone.now()).removeprefix("http://localhost:8000")
    for _ in range(2):
        assert "Log in as Deniz" in _text(client.get(path))
    assert "_auth_user_id" not in client.session
    answer = client.post(path)
    assert (answer.status_code, answer.url) == (302, "/account/")
    assert client.session["_auth_user_id"] == str(people["deniz"].id)
    answer = client.post(path)
    assert answer.status_code == 403
    assert "This link has been used." in _text(answer)


def test_a_deactivated_person_is_out_at_once(client: Any, people: dict[str, Any]) -> None:
    from sadakat.platform import audit, operations

    _as(client, people["elif"])
    assert client.get("/account/").status_code == 200
    operations.deactivate_user(user_id=people["elif"].id, actor=audit.CLI, at=people["elif"].created_at)
    assert client.get("/account/").status_code == 302


@pytest.mark.parametrize("path", ["/team/", "/team/new/", "/team/1/", "/audit/"])
@pytest.mark.parametrize("who", ["elif", "can"])
def test_without_the_right_a_page_says_which_right_and_who_can_give_it(
    client: Any, people: dict[str, Any], who: str, path: str
) -> None:
    answer = _as(client, people[who]).get(path)
    assert answer.status_code == 403
    right = "See the audit log" if path == "/audit/" else "Manage the team"
    assert f"needs the right “{right}”; an owner of your team can give you" in _text(answer)


@pytest.mark.parametrize("verb", ["", "link/", "deactivate/", "reactivate/"])
def test_without_the_right_nothing_is_changed(client: Any, people: dict[str, Any], verb: str) -> None:
    before = _audited()
    _as(client, people["can"])
    answer = client.post(f"/team/{people['elif'].id}/{verb}", {"name": "X", "role": "owner"})
    assert answer.status_code == 403
    assert client.post("/team/new/", {"name": "X", "email": "x@moda.example", "role": "owner"}).status_code == 403
    assert (_row(people["elif"]), _audited()) == (("Elif", "marketer", "", True), before)


@pytest.mark.parametrize(
    "path", ["/logout/", "/language/", "/account/password/", "/team/1/link/", "/team/1/deactivate/"]
)
def test_what_changes_something_is_never_done_by_opening_an_address(
    client: Any, people: dict[str, Any], path: str
) -> None:
    assert _as(client, people["deniz"]).get(path).status_code == 405


def test_an_owner_adds_somebody_and_gives_them_a_link(client: Any, people: dict[str, Any]) -> None:
    _as(client, people["deniz"])
    said = {"name": "Işıl", "email": "isil@moda.example", "role": "analyst", "language": "tr"}
    answer = client.post("/team/new/", said, follow=True)
    assert "Işıl is in the team" in _text(answer)
    from sadakat.platform import operations

    isil = operations.user_by_email("isil@moda.example")
    assert _row(isil) == ("Işıl", "analyst", "tr", True)
    answer = client.post(f"/team/{isil.id}/link/")
    assert 'value="http://localhost/login/' in _text(answer)
    assert "Işıl" in _text(client.get("/team/"))
    assert client.post("/team/new/", said).status_code == 422


def test_an_owner_changes_shuts_out_and_lets_in(client: Any, people: dict[str, Any]) -> None:
    _as(client, people["deniz"])
    path = f"/team/{people['can'].id}/"
    client.post(path, {"name": "Can Öz", "role": "analyst"})
    assert _row(people["can"]) == ("Can Öz", "analyst", "", True)
    assert "Can Öz cannot come in any more." in _text(client.post(f"{path}deactivate/", follow=True))
    assert _row(people["can"])[3] is False
    assert "Can Öz may come in again." in _text(client.post(f"{path}reactivate/", follow=True))
    assert _row(people["can"])[3] is True


def test_the_last_owner_is_told_why_not(client: Any, people: dict[str, Any]) -> None:
    _as(client, people["deniz"])
    before = _audited()
    path = f"/team/{people['deniz'].id}/"
    answer = client.post(path, {"name": "Deniz", "role": "support"})
    assert answer.status_code == 422
    assert "Deniz is the last active owner" in _text(answer)
    assert "Deniz is the last active owner" in _text(client.post(f"{path}deactivate/", follow=True))
    assert (_row(people["deniz"]), _audited()) == (("Deniz", "owner", "", True), before)
    assert client.get("/team/999999/").status_code == 404


def test_everybody_changes_their_own_name_language_and_password(client: Any, people: dict[str, Any]) -> None:
    from django.test import Client

    other = _as(Client(SERVER_NAME="localhost"), people["elif"])
    _as(client, people["elif"])
    client.post("/account/", {"name": "Elif Işık", "language": "tr"})
    assert _row(people["elif"]) == ("Elif Işık", "marketer", "tr", True)
    before = _audited()
    for said in ({"old": "wrong", "new": PASSWORD + "!"}, {"old": PASSWORD, "new": "short"}, {"new": PASSWORD + "!"}):
        assert client.post("/account/password/", said).status_code == 422
    assert _audited() == before
    answer = client.post("/account/password/", {"old": PASSWORD, "new": PASSWORD + "!"})
    assert (answer.status_code, answer.url) == (302, "/account/")
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302, "other sessions end"


def test_the_chosen_language_wins_over_the_browsers(client: Any, people: dict[str, Any]) -> None:
    _as(client, people["elif"])
    german = {"Accept-Language": "de, en;q=0.5"}
    assert client.get("/account/", headers=german).headers["Content-Language"] == "en"
    client.post("/language/", {"language": "tr"})
    assert _row(people["elif"])[2] == "tr"
    client.cookies.pop("sadakat_language")
    assert client.get("/account/", headers=german).headers["Content-Language"] == "tr"
    client.post("/language/", {"language": "xx"})
    assert _row(people["elif"])[2] == "tr"


def test_a_strangers_language_lives_in_a_cookie(client: Any) -> None:
    answer = client.post("/language/", {"language": "tr"}, headers={"Referer": "http://localhost/login/"})
    assert answer.url == "http://localhost/login/"
    assert client.cookies["sadakat_language"]["httponly"]
    assert client.get("/login/").headers["Content-Language"] == "tr"


def test_the_audit_page_tells_who_did_what_in_words(client: Any, people: dict[str, Any]) -> None:
    _as(client, people["deniz"])
    client.post(f"/team/{people['can'].id}/", {"name": "Can", "role": "analyst"})
    text = _text(client.get(f"/audit/?actor=user:{people['deniz'].id}"))
    assert "Role: Support → Analyst" in text
    assert text.count('<tr><th scope="row">') == 1
    assert _text(client.get("/audit/?action=team.password_set")).count('<tr><th scope="row">') == 1
    assert _text(client.get("/audit/?since=2001-01-01&until=2001-01-02")).count("No entry matches") == 1
    wrong = client.get("/audit/?since=yesterday&before=" + "9" * 40)
    assert wrong.status_code == 422


def test_the_audit_page_leads_to_older_entries_with_the_same_filters(
    client: Any, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadakat.platform import queries

    monkeypatch.setattr(queries.audit_page, "__kwdefaults__", queries.audit_page.__kwdefaults__ | {"limit": 2})
    _as(client, people["deniz"])
    seen: list[str] = []
    path = "/audit/?actor=cli&action=team.user_created"
    while path:
        text = _text(client.get(path))
        seen += [name for name in ("Deniz", "Elif", "Can") if f"Name: {name}<" in text.split("<tbody>")[-1]]
        path = "/audit/" + text.split('rel="next" href="')[1].split('"')[0] if 'rel="next"' in text else ""
    assert seen == ["Elif", "Can", "Deniz"]


@pytest.mark.parametrize("path", ["/login/", "/account/", "/team/", "/nothing/"])
def test_every_answer_carries_the_strict_policies(client: Any, people: dict[str, Any], path: str) -> None:
    if path != "/login/":
        _as(client, people["deniz"])
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Permissions-Policy"].startswith("camera=()")
    assert "Strict-Transport-Security" not in answer.headers, "over http it would shut people out"
    body = _text(answer)
    assert " style=" not in body
    assert body.count("<script") == body.count("<script src=")


def test_an_error_of_ours_becomes_a_page(client: Any, people: dict[str, Any]) -> None:
    from django.test import RequestFactory

    from sadakat.kernel.errors import NotFound
    from sadakat.platform.http import Refusals

    request = RequestFactory().get("/")
    request.user = people["deniz"]
    request.session = client.session
    answer = Refusals(lambda _request: None).process_exception(request, NotFound("nobody has that number"))  # type: ignore[arg-type,return-value]
    assert answer is not None
    assert answer.status_code == 404
    assert "nobody has that number" in _text(answer)
    assert Refusals(lambda _request: None).process_exception(request, KeyError("x")) is None  # type: ignore[arg-type,return-value]
