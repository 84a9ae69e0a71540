"""Ways into the member portal: links that end, and codes by mail that tell nobody who is a member."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from django.utils import translation

from sadakat.kernel.errors import Invalid
from tests.integration.test_goals import Mailbox, mailbox, parts

AYSE = "ayse@example.com"
HERE = "203.0.113.7"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def portal(database: str) -> ModuleType:
    from sadakat.loyalty.operations import portal

    return portal


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mailbox(monkeypatch) as found:
        yield found


def _codes() -> list[Any]:
    from sadakat.loyalty import models

    return list(models.PortalCode.objects.order_by("id"))


def test_a_code_lets_in_once(portal: ModuleType, now: datetime) -> None:
    code = portal.new_code(AYSE, client=HERE, at=now)
    assert len(code) == 6
    assert code.isdigit()
    (row,) = _codes()
    assert AYSE.encode() not in bytes(row.email_key)
    assert code.encode() not in bytes(row.hash)
    portal.use_code(AYSE, f" {code} ", client=HERE, at=now + 9 * MINUTE)
    with pytest.raises(portal.WrongCode, match="wrong or has run out"):
        portal.use_code(AYSE, code, client=HERE, at=now + 9 * MINUTE)


def test_a_code_counts_for_ten_minutes_and_only_the_latest_one(portal: ModuleType, now: datetime) -> None:
    first = portal.new_code(AYSE, client=HERE, at=now)
    second = portal.new_code(AYSE, client=HERE, at=now + MINUTE)
    assert len(_codes()) == 1
    if first != second:
        with pytest.raises(portal.WrongCode):
            portal.use_code(AYSE, first, client=HERE, at=now + 2 * MINUTE)
    with pytest.raises(portal.WrongCode):
        portal.use_code(AYSE, second, client=HERE, at=now + 11 * MINUTE)
    assert portal.purge_codes(now + 10 * MINUTE) == 0
    assert portal.purge_codes(now + 11 * MINUTE) == 1
    assert _codes() == []


def test_a_code_of_another_address_is_wrong(portal: ModuleType, now: datetime) -> None:
    code = portal.new_code(AYSE, client=HERE, at=now)
    for other in ("isil@example.com", "nobody@example.com"):
        with pytest.raises(portal.WrongCode, match=r"^the code is wrong or has run out$"):
            portal.use_code(other, code, client=HERE, at=now)
    portal.use_code(AYSE, code, client=HERE, at=now)


def test_after_five_failures_not_even_the_right_code_counts(portal: ModuleType, now: datetime) -> None:
    from sadakat.platform.login import TooManyAttempts

    code = portal.new_code(AYSE, client=HERE, at=now)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(5):
        with pytest.raises(portal.WrongCode):
            portal.use_code(AYSE, wrong, client=HERE, at=now)
    with pytest.raises(TooManyAttempts):
        portal.use_code(AYSE, code, client=HERE, at=now)
    # Nor does it when the throttle has forgotten: the code itself has counted too.
    from sadakat.platform.models import LoginAttempt

    LoginAttempt.objects.all().delete()
    with pytest.raises(portal.WrongCode):
        portal.use_code(AYSE, code, client=HERE, at=now)


def test_many_guesses_at_once_do_not_slip_below_the_limit(portal: ModuleType, now: datetime) -> None:
    from django.db import connections

    from sadakat.platform.login import TooManyAttempts

    code = portal.new_code(AYSE, client=HERE, at=now)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    told: list[type[Exception]] = []
    start = threading.Barrier(12)

    def guess() -> None:
        start.wait(10)
        try:
            portal.use_code(AYSE, wrong, client=HERE, at=now)
        except (portal.WrongCode, TooManyAttempts) as error:
            told.append(type(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(each.__name__ for each in told) == ["TooManyAttempts"] * 7 + ["WrongCode"] * 5
    assert _codes()[0].failures == 5


def test_an_address_and_a_client_get_so_many_codes(portal: ModuleType, now: datetime) -> None:
    from sadakat.platform import login

    for _ in range(5):
        portal.new_code(AYSE, client=HERE, at=now)
    with pytest.raises(login.TooManyAttempts):
        portal.new_code(AYSE, client="203.0.113.8", at=now + 14 * MINUTE)
    for number in range(15):
        portal.new_code(f"n{number}@example.com", client=HERE, at=now)
    with pytest.raises(login.TooManyAttempts):
        portal.new_code("other@example.com", client=HERE, at=now)
    # The team's log-in is another door, and a quarter of an hour later this one is open again.
    with pytest.raises(login.WrongCredentials):
        login.check_password(email=AYSE, password="kestane", address=HERE, at=now)
    portal.new_code(AYSE, client=HERE, at=now + 16 * MINUTE)


def test_the_same_rows_are_written_for_every_address(portal: ModuleType, now: datetime) -> None:
    from sadakat.customers.testing import known_as
    from sadakat.loyalty.testing import make_member

    make_member(known_as(f"email:{AYSE}", at=now), at=now)
    portal.new_code(AYSE, client=HERE, at=now)
    portal.new_code("nobody@example.com", client=HERE, at=now)
    known, unknown = _codes()
    assert (known.expires_at, known.failures, known.used_at) == (unknown.expires_at, unknown.failures, unknown.used_at)
    assert len(bytes(known.hash)) == len(bytes(unknown.hash)) == 32


def test_the_mail_speaks_the_language_of_the_page(portal: ModuleType, box: Mailbox, now: datetime) -> None:
    portal.mail_code(AYSE, "012345", at=now)
    with translation.override("tr"):
        portal.mail_code(AYSE, "543210", at=now)
    (first, english), (second, turkish) = box.taken
    assert (first, second) == (AYSE, AYSE)
    assert english["Subject"] == "012345 is your code for Moda Nord"
    assert "Your code for Moda Nord: 012345" in parts(english)[0]
    assert "It counts for 10 minutes." in parts(english)[0]
    assert '<html lang="tr">' in parts(turkish)[1]
    assert "543210" in parts(turkish)[1]
    assert english["Message-ID"] != turkish["Message-ID"]


def test_an_address_has_one_spelling(portal: ModuleType) -> None:
    assert portal.parse_email(" Ayse@EXAMPLE.com ") == AYSE
    with pytest.raises(Invalid, match="an e-mail address was expected, not 'ayse'"):
        portal.parse_email("ayse")


def test_a_link_counts_until_it_is_renewed_or_thirty_days_old(portal: ModuleType, now: datetime) -> None:
    from sadakat.loyalty import models
    from sadakat.loyalty.testing import make_members

    member_id, other = make_members([7, 8], at=now)
    link = portal.portal_link(member_id, at=now)
    token = link.rstrip("/").rpartition("/")[2]
    assert portal.member_of_link(token, at=now + timedelta(days=30) - MINUTE) == member_id
    with pytest.raises(portal.DeadLink, match="has run out"):
        portal.member_of_link(token, at=now + timedelta(days=30))
    for broken in ("", token[:-1], token[1:], portal.begin_session(member_id, at=now)):
        with pytest.raises(portal.DeadLink, match="is not valid"):
            portal.member_of_link(broken, at=now)
    session = portal.begin_session(member_id, at=now)
    assert portal.member_of_session(session, at=now + timedelta(hours=11)) == member_id
    with pytest.raises(portal.DeadLink, match="has run out"):
        portal.member_of_session(session, at=now + timedelta(hours=12))

    models.Member.objects.filter(pk=member_id).update(link_version=2)
    for read, text in ((portal.member_of_link, token), (portal.member_of_session, session)):
        with pytest.raises(portal.DeadLink, match="replaced by a newer one"):
            read(text, at=now)
    assert portal.member_of_link(portal.portal_link(member_id, at=now).rstrip("/").rpartition("/")[2], at=now)
    # Whoever has become one with another comes in by a new way alone.
    models.Member.objects.filter(pk=member_id).update(merged_into=other)
    with pytest.raises(portal.DeadLink):
        portal.member_of_session(portal.begin_session(member_id, at=now), at=now)


def test_who_asks_to_become_a_member_is_known_to_the_log_once(portal: ModuleType, now: datetime) -> None:
    from sadakat.customers import api as customers
    from sadakat.events import api as events
    from sadakat.loyalty.types import EnrolledBy
    from sadakat.platform import worker

    traits = {"firstName": "Işıl", "lastName": "Iğdır", "email": "isil@example.com", "stated_phone": "0532 123 45 02"}

    def introduce() -> None:
        portal.introduce(traits, by=EnrolledBy.FORM, wording="Üye olmak istiyorum.", language="tr", at=now)
        worker.work_until_idle(at=now)

    introduce()
    introduce()
    one = customers.customer(customers.find("email:isil@example.com"))
    assert one.name == "Işıl Iğdır"
    assert [each.type for each in one.identifiers] == ["email"]
    assert one.traits["stated_phone"].value == "0532 123 45 02"
    assert len(events.timeline(profile_ids=one.profile_ids, names=[portal.MEMBERSHIP_ASKED])) == 1
