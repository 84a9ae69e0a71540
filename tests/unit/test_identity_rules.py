"""Which identifiers count, in which spelling, and which profiles become one customer."""

import itertools
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sadakat.customers.rules import identifiers, joining, traits
from sadakat.customers.rules.joining import Joiner, Link, Partition, Separation, counts_of, partition
from sadakat.customers.types import ConflictReason
from sadakat.events.types import Kind
from sadakat.kernel.errors import Invalid

KINDS = {"U": "user_id", "C": "card", "E": "email", "V": "email", "P": "phone", "A": "anonymous_id"}


# Identifiers


@pytest.mark.parametrize(
    "text",
    [
        "0532 123 45 67",
        "5321234567",
        "+90 (532) 123-45-67",
        "905321234567",
        "00905321234567",
        " +905321234567 ",
        "٠٥٣٢١٢٣٤٥٦٧",
    ],
)
def test_phone_has_one_spelling(text: str) -> None:
    assert identifiers.parse_phone(text) == "+905321234567"


@pytest.mark.parametrize(
    "text",
    [
        "5555555555",
        "+90 555 555 55 55",
        "0000000000",
        "444 0 444",
        "0850 222 00 00",
        "0800 211 00 00",
        "155",
        "532 123 45",
        "+90 532 123 45 67 ext. 5",
        "yok",
        "",
        "5" * 300,
    ],
)
def test_phone_that_is_nobodys(text: str) -> None:
    assert identifiers.parse_phone(text) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [("+49 30 1234567", "+49301234567"), ("0212 333 44 55", "+902123334455"), ("+1 212 555 0123", "+12125550123")],
)
def test_phone_of_a_person(text: str, key: str) -> None:
    assert identifiers.parse_phone(text) == key


@given(st.from_regex(r"5[0-9]{9}", fullmatch=True))
@settings(max_examples=300)
def test_short_way_for_turkish_mobiles_agrees_with_the_library(digits: str) -> None:
    number = phonenumbers.parse(digits, "TR")
    is_personal = phonenumbers.number_type(number) in identifiers.PERSONAL_NUMBER_TYPES and len(set(digits)) > 1
    assert identifiers.parse_phone(f"0{digits}") == (f"+90{digits}" if is_personal else None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" Isil.Igdir@Example.COM ", "isil.igdir@example.com"),
        ("IRMAK@EXAMPLE.COM", "irmak@example.com"),
        ("AYŞE@example.com", "ayŞe@example.com"),
        ("info@ışık.com.tr", "info@xn--k-ekaa7p.com.tr"),
        ("a.b+c'd@sub.example.co", "a.b+c'd@sub.example.co"),
        ("x7k2@privaterelay.appleid.com", "x7k2@privaterelay.appleid.com"),
    ],
)
def test_email_has_one_spelling(text: str, value: str) -> None:
    assert identifiers.parse_email(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ayse",
        "ayse@",
        "@example.com",
        "ayse@example",
        "ayse@example..com",
        "ay se@example.com",
        "a@b@example.com, c@example.com",
        "ayse@-example.com",
        "ayse@127.0.0.1",
        "x" * 65 + "@example.com",
        "ayse@" + "x" * 250 + ".com",
        "ayse@" + "ö" * 80 + ".com",
        "pf+opa4q8vr@trendyolmail.com",
        "PF+x@TrendyolMail.com",
        "x@mp.hepsiburada.com",
        "abc123@marketplace.amazon.com.tr",
        "x@n11.com",
    ],
)
def test_email_that_identifies_nobody(text: str) -> None:
    assert identifiers.parse_email(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "Undefined",
        "None",
        "",
        "  ",
        "0",
        "000",
        "Anonymous",
        "guest",
        "00000000-0000-0000-0000-000000000000",
        "[object Object]",
        "x" * 201,
        "a\0b",
    ],
)
def test_id_that_stands_for_nobody(text: str) -> None:
    assert identifiers.parse_id(text) is None
    assert identifiers.parse_identifier("user_id", text) is None


def test_id_keeps_its_case_and_is_never_taken_for_an_email() -> None:
    assert identifiers.parse_identifier("user_id", " Isil@Example.com ") == "user_id:Isil@Example.com"


def test_unknown_type_is_refused() -> None:
    with pytest.raises(Invalid, match="user_id, card, email, phone, anonymous_id"):
        identifiers.parse_identifier("tckn", "10000000146")


def said(**fields: Any) -> dict[str, Any]:
    return {"userId": None, "anonymousId": None, "previousId": None, "traits": {}, "context": {}} | fields


def test_identifiers_come_strongest_first_and_once() -> None:
    message = said(
        userId="42",
        anonymousId="a-1",
        traits={"phone": 905321234567, "email": "A@example.com", "loyaltyCard": "6034-1"},
        context={
            "traits": {"email": "a@example.com", "card": "60341"},
            "externalIds": [
                {"type": "email", "id": "second@example.com"},
                {"type": "email", "id": "5e884898da28", "encoding": "sha256"},
                {"type": "facebook", "id": "9"},
                {"type": ["email"], "id": "x@example.com"},
                "card:1",
            ],
        },
    )
    assert identifiers.identifiers_of(kind=Kind.TRACK, message=message, is_trusted=True) == (
        "user_id:42",
        "card:60341",
        "email:a@example.com",
        "email:second@example.com",
        "phone:+905321234567",
        "anonymous_id:a-1",
    )


def test_untrusted_source_names_people_by_ids_alone() -> None:
    message = said(
        userId="42",
        anonymousId="a-1",
        traits={"email": "a@example.com", "email_verified": True},
        context={"externalIds": [{"type": "card", "id": "60341"}]},
    )
    found = identifiers.identifiers_of(kind=Kind.IDENTIFY, message=message, is_trusted=False)
    assert found == ("user_id:42", "anonymous_id:a-1")


@pytest.mark.parametrize(
    ("flag", "key"), [(True, "!email:a@example.com"), ("true", "email:a@example.com"), (1, "email:a@example.com")]
)
@pytest.mark.parametrize("name", ["email_verified", "emailVerified"])
def test_email_is_verified_by_the_word_of_its_own_traits(flag: object, key: str, name: str) -> None:
    message = said(traits={"email": "a@example.com", name: flag}, context={"traits": {"email": "A@example.com"}})
    assert identifiers.identifiers_of(kind=Kind.IDENTIFY, message=message, is_trusted=True) == (key,)


def test_traits_of_a_group_are_not_the_persons() -> None:
    message = said(userId="42", traits={"email": "office@example.com", "phone": "02123334455"})
    assert identifiers.identifiers_of(kind=Kind.GROUP, message=message, is_trusted=True) == ("user_id:42",)


def test_previous_id_counts_in_alias_calls_alone() -> None:
    message = said(userId="42", previousId="a-1")
    assert identifiers.identifiers_of(kind=Kind.ALIAS, message=message, is_trusted=True) == (
        "user_id:42",
        "anonymous_id:a-1",
    )
    assert identifiers.identifiers_of(kind=Kind.TRACK, message=message, is_trusted=True) == ("user_id:42",)


def test_nobody_is_named() -> None:
    assert identifiers.identifiers_of(kind=Kind.PAGE, message=said(anonymousId="null"), is_trusted=True) == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["email", "type", "id", "card", "phone"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_whatever_traits_and_external_ids_hold_is_read(value: Any) -> None:
    message = said(
        userId="42", traits={"email": value, "card": value}, context={"traits": {"phone": value}, "externalIds": value}
    )
    found = identifiers.identifiers_of(kind=Kind.IDENTIFY, message=message, is_trusted=True)
    assert found[0] == "user_id:42"


# Traits


def test_traits_are_read_from_both_places() -> None:
    body = b'{"traits": {"city": "Mu\xc4\x9fla", " ": 1, "plan": null}, "context": {"traits": {"city": "x", "age": 3}}}'
    assert traits.read_traits(body) == {"city": "Muğla", "age": 3, "plan": None}


@pytest.mark.parametrize(
    "body", [b'{"traits": []}', b"[]", b'{"traits": {%s}}' % b",".join(b'"t%d":1' % n for n in range(101))]
)
def test_traits_that_cannot_be_kept(body: bytes) -> None:
    with pytest.raises(Invalid, match="traits"):
        traits.read_traits(body)


# Joining


class World:
    """Profiles by name (U C E P A, V for a verified e-mail), and links in their order.

    `~` marks the word of a source that is not trusted, `!` that of a person.
    """

    def __init__(self, links: Iterable[str], *, order: Iterable[str] = ()) -> None:
        pairs = [(said.lstrip("~!").split("-"), said[0]) for said in links]
        names = dict.fromkeys([*order, *(name for pair, _ in pairs for name in pair)])
        self.number = {name: number for number, name in enumerate(names, start=1)}
        self.name = {number: name for name, number in self.number.items()}
        self.identifiers = {n: counts_of([(KINDS[name[0]], name[0] == "V")]) for name, n in self.number.items()}
        self.links = []
        for position, (pair, mark) in enumerate(pairs, start=1):
            low, high = sorted(self.number[name] for name in pair)
            self.links.append(
                Link(low=low, high=high, position=position, is_trusted=mark != "~", is_by_hand=mark == "!")
            )

    def partition(self, **options: Any) -> Partition:
        return partition(self.identifiers, self.links, self.identifiers, **options)

    def customers(self, found: Partition) -> set[frozenset[str]]:
        groups: dict[int, set[str]] = {}
        for profile, customer in found.customers.items():
            groups.setdefault(customer, set()).add(self.name[profile])
        return {frozenset(group) for group in groups.values()}


def apart(world: World, left: str, right: str, *, is_lifted: bool = False) -> Separation:
    one, other = (frozenset(world.number[name] for name in names.split()) for names in (left, right))
    return Separation(left=one, right=other, is_lifted=is_lifted)


def seen(links: str) -> tuple[set[str], dict[str, str]]:
    """Customers as sorted words, and conflicts by pair; `U1+A1/E1` sets apart, in brackets it was lifted."""
    world = World(word for word in links.split() if "-" in word)
    separations = [
        apart(world, *word.strip("()").replace("+", " ").split("/"), is_lifted=word[0] == "(")
        for word in links.split()
        if "/" in word
    ]
    found = world.partition(separations=separations)
    return (
        {" ".join(sorted(group)) for group in world.customers(found)},
        {"-".join(sorted(world.name[p] for p in pair)): str(why) for pair, why in found.conflicts.items()},
    )


def documented() -> list[list[str]]:
    """The rows of the worked cases on the page: case, links, customers, conflicts."""
    page = (Path(__file__).parents[2] / "docs/algorithms/identity.md").read_text(encoding="utf-8")
    rows = page.partition("## Worked cases")[2].partition("| --- |")[2].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("|")]


@pytest.mark.parametrize(("case", "links", "customers", "conflicts"), documented())
def test_worked_case(case: str, links: str, customers: str, conflicts: str) -> None:
    found = seen(links)
    told = [f"{pair} {why}" for pair, why in found[1].items()]
    assert (" · ".join(sorted(found[0])), " · ".join(sorted(told))) == (customers, conflicts), case


def test_worked_cases_are_all_read() -> None:
    assert len(documented()) == 19


def test_each_limit_holds() -> None:
    for kind, letter in (("card", "C"), ("email", "E"), ("phone", "P"), ("anonymous_id", "A")):
        limit = joining.LIMITS[ConflictReason(f"{kind}_limit")]
        customers, conflicts = seen(" ".join(f"U1-{letter}{n}" for n in range(1, limit + 2)))
        assert len(customers) == 2
        assert conflicts == {"-".join(sorted(["U1", f"{letter}{limit + 1}"])): f"{kind}_limit"}


def test_set_apart_they_stay_apart_and_do_not_make_a_shared_device() -> None:
    world = World(["U1-A1", "E1-A1", "E1-P1"])
    found = world.partition(separations=[apart(world, "U1", "A1")])
    assert world.customers(found) == {frozenset({"U1"}), frozenset({"A1", "E1", "P1"})}
    assert found.conflicts == {(world.number["U1"], world.number["A1"]): ConflictReason.FORBIDDEN}


def test_who_a_limit_keeps_apart_share_the_device_also_when_people_have_set_them_apart() -> None:
    world = World(["U1-A1", "U2-A1", "E1-A1"])
    alone = world.partition()
    assert world.partition(separations=[apart(world, "U1 A1", "U2")]) == alone
    assert ConflictReason.SHARED_DEVICE in alone.conflicts.values()


def test_neither_of_a_chain_joins_whom_people_have_set_apart() -> None:
    world = World(["E1-P1", "E2-P1", "E2-P2"])
    found = world.partition(separations=[apart(world, "E1", "P2")])
    assert world.customers(found) == {frozenset({"E1", "P1", "E2"}), frozenset({"P2"})}


def test_by_hand_two_are_one_beyond_every_limit_and_nobody_else_is_touched() -> None:
    emails = [f"{user}-E{user[1]}{n}" for user in ("U1", "U2") for n in range(5)]
    world = World([*emails, "U1-A1", "U2-A1", "P1-A1", "!U1-U2", "U2-A2"])
    found = world.partition()
    events = World([*emails, "U1-A1", "U2-A1", "P1-A1", "U2-A2"]).partition()
    assert len(set(events.customers.values())) == 3
    one, other = (next(c for c in world.customers(events) if user in c) for user in ("U1", "U2"))
    assert world.customers(found) == {one | other, frozenset({"P1"})}
    assert {*found.conflicts.values()} == {ConflictReason.SHARED_DEVICE}


def test_no_event_takes_back_what_people_have_said() -> None:
    world = World(["U1-E1", "!A1-U1", "U2-A1"])
    found = world.partition(separations=[apart(world, "U1 E1", "U2")])
    assert world.customers(found) == {frozenset({"U1", "E1", "A1"}), frozenset({"U2"})}
    assert found.conflicts == {(2 + 1, 4): ConflictReason.FORBIDDEN}


def test_events_never_join_again_whom_people_have_set_apart_and_then_joined() -> None:
    """Else the limits would count for the two together, and one of their identifiers could fall out."""
    world = World([*(f"C1-E{n}" for n in range(5)), "C1-C2", *(f"C2-E{n}" for n in range(5, 10)), "!C1-C2"])
    lifted = apart(world, "C1", "C2", is_lifted=True)
    assert len(world.customers(world.partition(separations=[lifted]))) == 1
    assert len(world.customers(world.partition())) > 1


NUMBER = st.integers(0, 20)


def worlds(kinds: str, *, people: int, untrusted: bool) -> st.SearchStrategy[list[str]]:
    names = [f"{kind}{n}" for kind in kinds for n in range(1, people + 1)]
    pair = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True).map("-".join)
    link = st.tuples(st.sampled_from(["", "~"] if untrusted else [""]), pair).map("".join)
    return st.lists(link, min_size=1, max_size=14, unique_by=lambda said: frozenset(said.lstrip("~").split("-")))


@given(worlds("UVCEPA", people=4, untrusted=True), st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_order_of_arrival(links: list[str], dice: random.Random) -> None:
    """Without a conflict every order gives the same customers; with one, every order lists one and breaks no limit."""
    world = World(links)
    first = world.partition()
    for _ in range(4):
        names = [*world.number]
        dice.shuffle(names)
        dice.shuffle(links)
        other = World(links, order=names)
        found = other.partition()
        assert bool(found.conflicts) == bool(first.conflicts)
        if not first.conflicts:
            assert other.customers(found) == world.customers(first)
        for group in other.customers(found):
            counts = counts_of((KINDS[name[0]], name[0] == "V") for name in group)
            assert all(count <= limit for count, limit in zip(counts, joining.LIMITS.values(), strict=True))


@given(worlds("UVEPA", people=3, untrusted=True), st.lists(st.tuples(NUMBER, NUMBER), max_size=3))
@settings(max_examples=300, deadline=None)
def test_joined_by_hand_they_are_one_and_nobody_else_is_touched(
    links: list[str], chosen: list[tuple[int, int]]
) -> None:
    """Each merge by hand is the union of its two customers, and setting its two sides apart restores them."""
    world = World(links)
    by_hand: list[Link] = []
    for one, other in chosen:
        before = partition(world.identifiers, [*world.links, *by_hand], world.identifiers).customers
        found = sorted(set(before.values()))
        winner, loser = sorted((found[one % len(found)], found[other % len(found)]))
        link = Link(low=winner, high=loser, position=99, is_trusted=True, is_by_hand=True)
        after = partition(world.identifiers, [*world.links, *by_hand, link], world.identifiers).customers
        assert after == {p: winner if customer == loser else customer for p, customer in before.items()}
        if winner != loser:
            left, right = (frozenset(p for p, who in before.items() if who == id_) for id_ in (winner, loser))
            undone = Separation(left=left, right=right)
            links_left = [*world.links, *by_hand]
            assert partition(world.identifiers, links_left, world.identifiers, [undone]).customers == before
            by_hand.append(link)


@given(worlds("UEA", people=3, untrusted=True))
@settings(max_examples=300, deadline=None)
def test_untrusted_words_never_join_two_known_people(links: list[str]) -> None:
    """Known people who are one with all links are one by the trusted links alone."""
    world = World(links)
    found = world.partition().customers
    trusted = partition(
        world.identifiers, [link for link in world.links if link.is_trusted], world.identifiers
    ).customers
    known = [number for number, name in world.name.items() if name[0] != "A"]
    for one, other in itertools.combinations(known, 2):
        assert (found[one] == found[other]) == (trusted[one] == trusted[other])


@given(worlds("UVEPA", people=3, untrusted=False), st.data())
@settings(max_examples=300, deadline=None)
def test_going_on_from_customers_ends_where_beginning_anew_does(links: list[str], data: st.DataObject) -> None:
    """Joining from a map made earlier, as the pipeline does batch by batch, is the partition of everything."""
    world = World(links)
    cut = data.draw(st.integers(0, len(links)))
    early = partition(world.identifiers, world.links[:cut], world.identifiers)
    shared = {
        p for pair, why in early.conflicts.items() if why in joining.LIMITS for p in pair if world.name[p][0] == "A"
    }
    joiner = Joiner(world.identifiers, customers=early.customers, shared=shared)
    conflicts = early.conflicts | {(k.low, k.high): why for k in world.links[cut:] if (why := joiner.join(k))}
    whole = world.partition()
    assert {profile: joiner.customer_of(profile) for profile in world.identifiers} == whole.customers
    assert whole.conflicts.items() <= conflicts.items()
