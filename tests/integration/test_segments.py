"""Segments as people make, change and end them; lists; groups that contexts keep; refusals leave nothing."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from sadakat.kernel.errors import Conflict, Invalid, NotFound, Refused, SadakatError
from sadakat.segments.types import Kind, ListReport
from tests.integration import living
from tests.integration.living import DAY, DENIZ, Shop, rule
from tests.integration.pipeline import rows

shop = living.shop
BOUGHT: Mapping[str, Any] = {"event": "Bought"}
TABLES = ("segment", "version", "standing", "touched", "movement", "dailysize")


def everything() -> list[Any]:
    tables = [*(f"segments_{table}" for table in TABLES), "platform_auditentry", "events_inbox"]
    return [rows(f"SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY 1") for table in tables]


def audited() -> list[tuple[Any, ...]]:
    return rows("""SELECT actor, action, subject FROM platform_auditentry
        WHERE action LIKE 'segments.%%' ORDER BY id""")


def test_a_segment_gets_a_key_from_its_name(shop: Shop) -> None:
    from sadakat.segments import api as segments

    made = segments.create_segment(name="  Işıl'ın   VIP  Müşterileri ", where=rule(BOUGHT), actor=DENIZ, at=shop.now)
    assert (made.key, made.name, made.kind, made.version, made.size) == (
        "isil-in-vip-musterileri",
        "Işıl'ın VIP Müşterileri",
        Kind.RULE,
        1,
        0,
    )
    keys = [
        segments.create_segment(name=name, where=None, actor=DENIZ, at=shop.now).key for name in ("VIP", "vip", "★")
    ]
    assert keys == ["vip", "vip-2", "segment"]
    assert segments.segment_named("vip").kind is Kind.LIST
    assert audited()[0] == ("user:1", "segments.created", "segment:isil-in-vip-musterileri")
    assert [each.key for each in segments.segments()] == ["segment", "isil-in-vip-musterileri", "vip", "vip-2"]


def test_refusals_leave_nothing(shop: Shop) -> None:
    from sadakat.segments import api as segments

    shop.do("ayse", "Bought")
    shop.segment("buyers", BOUGHT)
    shop.segment("rest", {"not": {"segment": "buyers"}})
    shop.segment("guests", None)
    segments.ensure_group(group="stage", segments=[("stage-one", "One", rule(BOUGHT))], actor=DENIZ, at=shop.now)
    shop.work()
    said = {"actor": DENIZ, "at": shop.now}
    circle = rule({"all": [BOUGHT, {"segment": "rest"}]})
    refused: list[tuple[Callable[[], Any], type[SadakatError], str]] = [
        (lambda: segments.create_segment(name=" ", where=None, **said), Invalid, "1 to 100 characters, not 0"),
        (lambda: segments.create_segment(name="x" * 101, where=None, **said), Invalid, "not 101"),
        (lambda: segments.create_segment(name="x", key="Büyük", where=None, **said), Invalid, "not 'Büyük'"),
        (lambda: segments.create_segment(name="x", key="buyers", where=None, **said), Conflict, "already a segment"),
        (lambda: segments.create_segment(name="x", where=BOUGHT, **said), Invalid, "a predicate is"),
        (lambda: segments.create_segment(name="x", where=rule({"segment": "gone"}), **said), Invalid, "no segment"),
        (
            lambda: segments.create_segment(name="x", where=rule({**BOUGHT, "within": "500000d"}), **said),
            Invalid,
            "events are kept for",
        ),
        (lambda: segments.create_segment(name="x", description="x" * 2001, where=None, **said), Invalid, "2001"),
        (lambda: segments.change_segment("buyers", where=circle, **said), Invalid, "circle: "),
        (lambda: segments.change_segment("buyers", where=rule({"segment": "buyers"}), **said), Invalid, "circle"),
        (lambda: segments.change_segment("gone", name="x", **said), NotFound, "there is no segment 'gone'"),
        (lambda: segments.change_segment("g\0ne", name="x", **said), NotFound, "there is no segment"),
        (lambda: segments.change_segment("guests", where=rule(BOUGHT), **said), Refused, "is a list"),
        (lambda: segments.change_segment("stage-one", name="x", **said), Refused, "belongs to the group stage"),
        (lambda: segments.archive_segment("buyers", **said), Refused, "named by the rules of rest"),
        (lambda: segments.archive_segment("stage-one", **said), Refused, "belongs to the group"),
        (lambda: segments.restore_segment("stage-one", **said), Refused, "belongs to the group"),
        (lambda: segments.add_to_list("buyers", ["1"], **said), Refused, "has a rule"),
        (lambda: segments.ensure_group(group="A B", segments=[], **said), Invalid, "a group is named"),
        (
            lambda: segments.ensure_group(group="stage", segments=[("buyers", "x", rule(BOUGHT))], **said),
            Conflict,
            "not of the group stage",
        ),
        (lambda: segments.overlap("buyers", ["buyers", "gone"]), NotFound, "gone"),
    ]
    before = everything()
    for work, kind, text in refused:
        with pytest.raises(kind, match=text):
            work()
        assert everything() == before, text


def test_an_archived_segment_rests_and_can_be_taken_up(shop: Shop) -> None:
    from sadakat.segments import api as segments

    shop.segment("recent", {**BOUGHT, "within": "30d"})
    shop.segment("rest", {"not": {"segment": "recent"}})
    shop.do("ayse", "Bought")
    told = shop.told()
    assert segments.archive_segment("rest", actor=DENIZ, at=shop.now)
    assert segments.archive_segment("recent", actor=DENIZ, at=shop.now)
    assert not segments.archive_segment("recent", actor=DENIZ, at=shop.now)
    with pytest.raises(Refused, match="recent is archived; restore it first"):
        segments.change_segment("recent", name="x", actor=DENIZ, at=shop.now)
    with pytest.raises(Invalid, match="no segment 'recent'"):
        segments.restore_segment("rest", actor=DENIZ, at=shop.now)
    shop.now += 40 * DAY
    shop.do("isil", "Bought")
    ayse, isil = shop.customers()["ayse"], shop.customers()["isil"]
    assert (shop.members("recent"), shop.told(), segments.segments_of(ayse)) == (["ayse"], told, ())
    assert [each.key for each in segments.segments()] == []
    assert [each.key for each in segments.segments(include_archived=True)] == ["recent", "rest"]
    assert segments.restore_segment("recent", actor=DENIZ, at=shop.now)
    assert not segments.restore_segment("recent", actor=DENIZ, at=shop.now)
    shop.work()
    assert shop.members("recent") == ["isil"]
    assert shop.told()[len(told) :] == [
        ("Segment Exited", "recent", ayse, "rule", shop.now),
        ("Segment Entered", "recent", isil, "rule", shop.now),
    ]
    actions = [action for _, action, _ in audited()]
    assert actions[2:] == ["segments.archived", "segments.archived", "segments.restored"]


def test_people_are_put_on_a_list_and_taken_off(shop: Shop) -> None:
    from sadakat.segments import api as segments

    shop.do("ayse", "Product Viewed")
    shop.do("isil", "Product Viewed")
    shop.segment("guests", None)
    shop.segment("others", {"segment": "guests", "is": False})
    ayse, isil = shop.customers()["ayse"], shop.customers()["isil"]
    references = [" user_id:ayse ", str(isil), str(isil), "user_id:nobody", "ayşe", "x:y", "", "99" * 12]
    report = segments.add_to_list("guests", references, actor=DENIZ, at=shop.now)
    unknown = ("user_id:nobody", "ayşe", "x:y", "99" * 12)
    assert report == ListReport(added=2, already=0, unknown=unknown, unknown_count=4)
    again = segments.add_to_list("guests", ["user_id:ayse"], actor=DENIZ, at=shop.now)
    assert again == ListReport(added=0, already=1, unknown=(), unknown_count=0)
    assert (shop.members("guests"), shop.members("others")) == (["ayse", "isil"], [])
    shop.now += DAY
    off = segments.remove_from_list("guests", ["user_id:ayse"], actor=DENIZ, at=shop.now)
    assert off == ListReport(added=1, already=0, unknown=(), unknown_count=0)
    assert segments.remove_from_list("guests", ["user_id:ayse"], actor=DENIZ, at=shop.now).already == 1
    segments.add_to_list("guests", ["user_id:ayse"], actor=DENIZ, at=shop.now + DAY)
    shop.work()
    assert shop.told() == [
        ("Segment Entered", "guests", ayse, "hand", shop.now - DAY),
        ("Segment Entered", "guests", isil, "hand", shop.now - DAY),
        ("Segment Exited", "others", ayse, "hand", shop.now - DAY),
        ("Segment Exited", "others", isil, "hand", shop.now - DAY),
        ("Segment Exited", "guests", ayse, "hand", shop.now),
        ("Segment Entered", "others", ayse, "hand", shop.now),
        ("Segment Entered", "guests", ayse, "hand", shop.now + DAY),
        ("Segment Exited", "others", ayse, "hand", shop.now + DAY),
    ]
    copy = segments.duplicate_segment("guests", name="Guests too", actor=DENIZ, at=shop.now)
    assert (copy.key, copy.kind, copy.size) == ("guests-too", Kind.LIST, 2)
    assert segments.duplicate_segment("others", name="X", actor=DENIZ, at=shop.now).where == rule(
        {"segment": "guests", "is": False}
    )


def test_a_file_names_the_people_of_a_list(database: str, tmp_path: Path) -> None:
    from sadakat.segments import api as segments

    (tmp_path / "people.csv").write_text("email;ad\nayse@example.com;Ayşe\n;Işıl\nuser_id:1;Barış\n")
    assert segments.read_references(tmp_path / "people.csv", file_name="people.csv") == [
        "email:ayse@example.com",
        "user_id:1",
    ]
    book = xlsxwriter.Workbook(tmp_path / "people.xlsx")
    sheet = book.add_worksheet()
    for number, cell in enumerate(["id", 7, 12]):
        sheet.write(number, 0, cell)
    book.close()
    assert segments.read_references(tmp_path / "people.xlsx", file_name="people.xlsx") == ["7", "12"]


def test_a_group_is_kept_as_its_context_says(shop: Shop) -> None:
    from sadakat.segments import api as segments

    def keep(*wanted: tuple[str, str, Any]) -> bool:
        return segments.ensure_group(
            group="stage",
            segments=[(key, name, rule(where)) for key, name, where in wanted],
            actor=DENIZ,
            at=shop.now,
        )

    new = ("stage-new", "New", {"not": {"event": "Bought"}})
    once = ("stage-once", "Once", {"all": [BOUGHT, {"segment": "stage-new", "is": False}]})
    assert keep(new, once)
    assert not keep(new, once)
    shop.do("ayse", "Product Viewed")
    shop.do("isil", "Bought")
    assert (shop.members("stage-new"), shop.members("stage-once")) == (["ayse"], ["isil"])
    assert [(each.key, each.rank) for each in segments.segments(group="stage")] == [("stage-new", 0), ("stage-once", 1)]
    assert [each.group for each in segments.segments_of(shop.customers()["isil"])] == ["stage"]
    often = {"event": "Bought", "count": {"at_least": 2}}
    assert keep(("stage-once", "Once or more", {**BOUGHT, "count": {"at_least": 2}}))
    shop.work()
    assert shop.members("stage-once") == []
    assert segments.segment_named("stage-new").is_archived
    assert keep(new, ("stage-once", "Once", often))
    assert [action for _, action, _ in audited()] == ["segments.group_kept"] * 3


def test_moves_within_a_group_tell_from_where_to_where(shop: Shop) -> None:
    from sadakat.segments import api as segments

    few = {"event": "Bought", "count": {"is": 1}}
    many = {"event": "Bought", "count": {"at_least": 2}}
    shop.do("ayse", "Bought")
    segments.ensure_group(
        group="stage", segments=[("few", "F", rule(few)), ("many", "M", rule(many))], actor=DENIZ, at=shop.now
    )
    shop.work()
    first = shop.now.date()
    shop.now += DAY
    shop.do("ayse", "Bought")
    shop.do("isil", "Bought")
    shop.now += DAY
    shop.do("isil", "Bought")
    moves = segments.moves(group="stage", since=first, until=shop.now.date() + DAY)
    assert [(each.from_key, each.to_key, each.customers) for each in moves] == [("", "many", 1), ("few", "many", 1)]
    moves = segments.moves(group="stage", since=first, until=shop.now.date())
    assert [(each.from_key, each.to_key) for each in moves] == [("", "few"), ("few", "many")]
    assert segments.moves(group="stage", since=first, until=first + timedelta(days=1)) == []


def test_segments_overlap(shop: Shop) -> None:
    from sadakat.segments import api as segments

    for user, event in (("ayse", "Bought"), ("isil", "Bought"), ("isil", "Read"), ("baris", "Read")):
        shop.do(user, event)
    shop.segment("z", BOUGHT)
    shop.segment("b", {"event": "Read"})
    shop.segment("a", {"event": "Never"})
    assert [(one.key, one.both) for one in segments.overlap("z", ["a", "b"])] == [("a", 0), ("b", 1)]
    assert [(one.key, one.both) for one in segments.overlap("b", ["z"])] == [("z", 1)]


def test_members_are_read_page_by_page(shop: Shop) -> None:
    from sadakat.segments import api as segments

    shop.segment("recent", {**BOUGHT, "within": "30d"})
    for user in ("ayse", "isil", "baris"):
        shop.do(user, "Bought")
    ids = segments.member_ids("recent")
    first = segments.members("recent", limit=2)
    assert [each.customer_id for each in first] == ids[:2]
    assert {(each.since_at, each.changes_at) for each in first} == {(shop.now, shop.now + 30 * DAY)}
    assert [each.customer_id for each in segments.members("recent", after=ids[1])] == ids[2:]
