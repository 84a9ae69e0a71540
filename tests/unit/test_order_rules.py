"""Orders as a pure function of what was said of them."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from sadakat.commerce.rules import reading
from sadakat.commerce.rules.folding import Basis, OrderState, Recorded, fold
from sadakat.commerce.rules.reading import OrderEvent
from sadakat.commerce.types import OrderStatus
from sadakat.events.types import Event, Kind
from sadakat.kernel import money
from sadakat.kernel.errors import Invalid

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TRY = Basis(currency="TRY", rates={})
COMPLETED, UPDATED, REFUNDED, CANCELLED = "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"
SHIRT = {"product_id": "shirt", "price": 200, "quantity": 2}
SOCKS = {"product_id": "socks", "price": "33.35", "quantity": 3}


def row(
    event: str,
    *,
    minute: int = 0,
    position: int | None = None,
    user: str | None = "u1",
    body: bytes = b"",
    **properties: Any,
) -> Event:
    position = minute + 1 if position is None else position
    at = START + timedelta(minutes=minute)
    message = {"type": "track", "event": event, "userId": user, "properties": {"order_id": "1001"} | properties}
    return Event(
        position=position,
        profile_id=7,
        source_id=1,
        kind=Kind.TRACK,
        event=event,
        at=at,
        local_date=at.date(),
        received_at=at,
        mid=f"{position:032x}",
        body=body or json.dumps(message).encode(),
    )


def said(event: str, **properties: Any) -> OrderEvent:
    return reading.read(row(event, **properties))


def state_of(*events: OrderEvent, basis: Basis = TRY, recorded: Recorded | None = None) -> OrderState:
    return fold(events, namespace="", basis=basis, recorded=recorded)


def amounts(state: OrderState) -> list[tuple[str, int]]:
    return [(entry.kind.value, entry.amount_minor) for entry in state.entries]


def figures(state: OrderState) -> tuple[str, int, int, int]:
    assert state.order is not None
    order = state.order
    return order.status.value, order.revenue_minor, order.refunded_minor, order.net_minor


def test_a_completed_order() -> None:
    state = state_of(
        said(
            COMPLETED,
            revenue="500.05",
            total=600,
            channel=" Store ",
            store_id=324,
            coupon="YAZ",
            products=[SHIRT, SOCKS],
        )
    )

    order = state.order
    assert order is not None
    assert (order.order_id, order.profile_id, order.source_id, order.at) == ("1001", 7, 1, START)
    assert (order.channel, order.store_id, order.coupon, order.is_guest) == ("store", "324", "YAZ", False)
    assert (order.currency, order.currency_rate, order.line_count) == ("TRY", 1, 2)
    assert figures(state) == ("completed", 50005, 0, 50005)
    assert amounts(state) == [("completed", 50005)]
    assert [tuple(line) for line in state.lines] == [
        (1, "shirt", "", "", "", Decimal(2), 40000, 40000, 0),
        (2, "socks", "", "", "", Decimal(3), 10005, 10005, 0),
    ]
    assert state.problems == ()


@pytest.mark.parametrize(
    ("properties", "net", "with_tax", "with_both"),
    [
        ({"revenue": 100, "tax": 20, "shipping": 5}, 10000, 12000, 12500),
        ({"total": 125, "tax": 20, "shipping": 5}, 10000, 12000, 12500),
        ({"revenue": 100, "total": 130, "tax": 20, "shipping": 5}, 10000, 12000, 13000),
        ({"total": 125}, 12500, 12500, 12500),
        ({"products": [SHIRT, SOCKS], "discount": "50.05", "tax": 9}, 45000, 45900, 45900),
        ({"products": [{"sku": "S", "price": 10, "quantity": 3, "total": 25}]}, 2500, 2500, 2500),
        ({"revenue": 0, "total": 0}, 0, 0, 0),
        ({"total": 5, "tax": 9}, 0, 900, 500),
    ],
)
def test_what_counts_as_revenue(properties: dict[str, Any], net: int, with_tax: int, with_both: int) -> None:
    event = said(COMPLETED, **properties)

    counted = [
        figures(state_of(event, basis=Basis(currency="TRY", revenue=basis, rates={})))[1]
        for basis in ("net", "with_tax", "with_tax_and_shipping")
    ]

    assert counted == [net, with_tax, with_both]


def test_an_update_replaces_what_it_says_and_leaves_the_rest() -> None:
    state = state_of(
        said(COMPLETED, revenue=100, coupon="YAZ", products=[SHIRT]),
        said(UPDATED, minute=5, revenue=80, channel="call_centre"),
        said(UPDATED, minute=9, products=[SHIRT, SOCKS]),
    )

    assert state.order is not None
    assert (state.order.channel, state.order.coupon, state.order.line_count) == ("call_centre", "YAZ", 2)
    assert figures(state) == ("completed", 8000, 0, 8000)
    assert amounts(state) == [("completed", 10000), ("updated", -2000), ("updated", 0)]


def test_a_new_total_replaces_an_old_revenue() -> None:
    state = state_of(said(COMPLETED, revenue=100, tax=20, total=120), said(UPDATED, minute=1, total=60, tax=10))

    assert figures(state) == ("completed", 5000, 0, 5000)


def test_an_update_alone_makes_no_order_and_an_earlier_one_only_fills_gaps() -> None:
    update = said(UPDATED, minute=0, revenue=80, coupon="EARLY", channel="store")
    assert state_of(update) == OrderState()

    state = state_of(update, said(COMPLETED, minute=3, revenue=100, channel="online"))

    assert state.order is not None
    assert (state.order.coupon, state.order.channel) == ("EARLY", "online")
    assert amounts(state) == [("completed", 10000)]


@pytest.mark.parametrize(
    ("refund", "given_back"),
    [
        ({}, 50005),
        ({"total": 120, "tax": 20}, 10000),
        ({"revenue": "0.05"}, 5),
        ({"products": [{"product_id": "shirt", "quantity": 1}]}, 20000),
        ({"products": [{"product_id": "socks", "quantity": 2}]}, 6670),
        ({"products": [{"product_id": "socks"}]}, 10005),
        ({"products": [{"product_id": "socks", "quantity": 2, "price": 10}]}, 2000),
        ({"products": [{"product_id": "gloves", "price": 10}]}, 1000),
        ({"products": [{"product_id": "shirt"}, {"product_id": "socks"}]}, 50005),
        ({"products": [{"product_id": "shirt"}], "total": 150}, 15000),
        ({"shipping": 30}, 0),
    ],
)
def test_refunds(refund: dict[str, Any], given_back: int) -> None:
    state = state_of(said(COMPLETED, products=[SHIRT, SOCKS]), said(REFUNDED, minute=10, **refund))

    status = {0: "completed", 50005: "refunded"}.get(given_back, "partly_refunded")
    assert figures(state) == (status, 50005, given_back, 50005 - given_back)
    assert amounts(state) == [("completed", 50005), ("refunded", -given_back)]
    assert state.problems == ()


def test_a_refund_with_the_basis_of_the_brand() -> None:
    basis = Basis(currency="TRY", revenue="with_tax_and_shipping", rates={})

    state = state_of(
        said(COMPLETED, total=150, tax=20, shipping=30), said(REFUNDED, minute=1, shipping=30), basis=basis
    )

    assert figures(state) == ("partly_refunded", 15000, 3000, 12000)


def test_a_refund_counts_up_to_what_is_left_and_is_listed() -> None:
    state = state_of(
        said(COMPLETED, revenue=100), said(REFUNDED, minute=1, revenue=70), said(REFUNDED, minute=2, revenue="30.02")
    )

    assert figures(state) == ("refunded", 10000, 10000, 0)
    assert amounts(state)[1:] == [("refunded", -7000), ("refunded", -3000)]
    assert [(problem.position, problem.reason) for problem in state.problems] == [
        (3, "the refund of 30.02 TRY is more than the 30.00 TRY left of order 1001; it counts up to what is left")
    ]


def test_a_kurus_of_rounding_is_no_problem() -> None:
    state = state_of(said(COMPLETED, revenue=100), said(REFUNDED, minute=1, revenue="100.01"))

    assert figures(state) == ("refunded", 10000, 10000, 0)
    assert state.problems == ()


def test_a_refund_of_a_product_nobody_bought_is_listed_and_changes_nothing() -> None:
    state = state_of(said(COMPLETED, revenue=100), said(REFUNDED, minute=1, products=[{"product_id": "hat"}]))

    assert figures(state) == ("completed", 10000, 0, 10000)
    assert [problem.position for problem in state.problems] == [2]
    assert "'hat' without a price" in state.problems[0].reason


def test_a_refund_earlier_than_its_order_takes_the_time_of_the_order() -> None:
    refund = said(REFUNDED, minute=0, revenue=40)
    assert state_of(refund) == OrderState()

    state = state_of(refund, said(COMPLETED, minute=30, revenue=100))

    assert amounts(state) == [("completed", 10000), ("refunded", -4000)]
    assert [entry.at for entry in state.entries] == [START + timedelta(minutes=30)] * 2


def test_cancelling_brings_the_net_to_zero_whatever_follows() -> None:
    completed, refund = said(COMPLETED, revenue=100), said(REFUNDED, minute=3)

    partly = state_of(completed, said(REFUNDED, minute=1, revenue=30), said(CANCELLED, minute=2))
    assert figures(partly) == ("cancelled", 10000, 3000, 0)
    assert amounts(partly) == [("completed", 10000), ("refunded", -3000), ("cancelled", -7000)]

    after = state_of(completed, said(CANCELLED, minute=2), refund, said(UPDATED, minute=4, revenue=500))
    assert figures(after) == ("cancelled", 50000, 10000, 0)
    assert amounts(after) == [("completed", 10000), ("cancelled", -10000), ("refunded", 0), ("updated", 0)]
    assert after.problems == ()


def test_the_same_order_twice_counts_once_quietly() -> None:
    state = state_of(said(COMPLETED, revenue=100), said(COMPLETED, minute=5, order_id=1001, revenue="100.00"))

    assert amounts(state) == [("completed", 10000)]
    assert state.problems == ()


def test_two_orders_of_one_id_the_earlier_counts_and_the_other_is_listed() -> None:
    early, late = said(COMPLETED, revenue=100), said(COMPLETED, minute=5, revenue=90, products=[SHIRT])

    assert state_of(early, late) == state_of(late, early)
    assert amounts(state_of(early, late)) == [("completed", 10000)]
    assert [tuple(problem) for problem in state_of(early, late).problems] == [
        (
            6,
            (
                "order 1001 was completed twice with different content (revenue 90 instead of 100, products of 1 lines "
                "instead of nothing); the earlier of 2026-11-20 09:00:00 UTC counts; Order Updated changes an order"
            ),
        )
    ]


EUR_RATES = {"EUR": [(date(2026, 11, 20), Decimal("48.25")), (date(2026, 11, 1), Decimal(47))]}


def test_another_currency_counts_at_the_rate_of_the_day() -> None:
    basis = Basis(currency="TRY", rates=EUR_RATES)
    events = [said(COMPLETED, revenue="10.01", currency="eur"), said(REFUNDED, minute=1, revenue=5)]

    state = state_of(*events, basis=basis)

    assert state.order is not None
    assert (state.order.currency, state.order.currency_rate) == ("EUR", Decimal("48.25"))
    assert figures(state) == ("partly_refunded", 48298, 24125, 24173)  # 482.9825, 241.25 and 241.7325 lira
    assert sum(entry.amount_minor for entry in state.entries) == 24173


def test_a_recorded_rate_holds_and_a_missing_one_is_asked_for() -> None:
    event = said(COMPLETED, revenue=10, currency="EUR")

    state = state_of(
        event, recorded=Recorded("EUR", START.date(), Decimal(40)), basis=Basis(currency="TRY", rates=EUR_RATES)
    )
    assert figures(state)[1] == 40000

    other_day = Recorded("EUR", date(2026, 11, 19), Decimal(40))
    assert figures(state_of(event, recorded=other_day, basis=Basis(currency="TRY", rates=EUR_RATES)))[1] == 48250

    waiting = state_of(event)
    assert waiting.order is None
    assert [tuple(problem) for problem in waiting.problems] == [
        (
            1,
            (
                "there is no rate for EUR on 2026-11-20; record one with "
                "`sadakat rates set EUR RATE --from 2026-11-20` and retry"
            ),
        )
    ]


def test_events_of_an_order_speak_its_currency() -> None:
    state = state_of(said(COMPLETED, revenue=100), said(REFUNDED, minute=1, revenue=5, currency="EUR"))

    assert figures(state) == ("completed", 10000, 0, 10000)
    assert [tuple(problem) for problem in state.problems] == [
        (2, "order 1001 is in TRY and this event in EUR; send its amounts in TRY")
    ]


@pytest.mark.parametrize(
    ("user", "properties", "is_guest"),
    [
        ("u1", {}, False),
        (None, {}, True),
        ("", {}, True),
        (None, {"guest": False}, False),
        ("u1", {"guest": True}, True),
    ],
)
def test_guests(*, user: str | None, properties: dict[str, Any], is_guest: bool) -> None:
    order = state_of(said(COMPLETED, user=user, revenue=1, **properties)).order

    assert order is not None
    assert order.is_guest is is_guest


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"order_id": None, "revenue": 1}, "needs an order_id of 1 to 200 characters, not None"),
        ({"order_id": "  ", "revenue": 1}, "needs an order_id of 1 to 200 characters"),
        ({"order_id": "x" * 201, "revenue": 1}, "needs an order_id of 1 to 200 characters"),
        ({"order_id": True, "revenue": 1}, "got `bool` - at `$.properties.order_id`"),
        ({"revenue": -1}, "revenue must be a number from 0 to 10000000000, not -1"),
        ({"revenue": "NaN"}, "revenue must be a number from 0 to 10000000000, not NaN"),
        ({"revenue": "Infinity"}, "revenue must be a number from 0 to 10000000000, not Infinity"),
        ({"revenue": 10**11}, "revenue must be a number from 0 to 10000000000, not 100000000000"),
        ({"revenue": "a lot"}, "Invalid decimal string - at `$.properties.revenue`"),
        ({"revenue": [1]}, "got `array` - at `$.properties.revenue`"),
        ({"revenue": 1, "currency": "lira"}, "currency must be three letters such as TRY, not 'lira'"),
        ({"revenue": 1, "channel": "x" * 41}, "channel may have 40 characters, not 41"),
        (
            {"products": [{"price": -1}]},
            "products[0] must have a product_id of at most 200 characters, price and total from 0 to 10000000000",
        ),
        ({"products": [SHIRT, {"quantity": -1}]}, "products[1] must have"),
        ({"products": [{"quantity": 1_000_001}]}, "products[0] must have"),
        ({"products": [{"quantity": "1e-999999"}]}, "products[0] must have"),
        ({"products": [{"quantity": "NaN"}]}, "not '', None, None and NaN"),
        ({"products": [{"product_id": "x" * 201}]}, "products[0] must have a product_id of at most 200 characters"),
        ({"products": [{"price": 10**10, "quantity": 2}]}, "the sum of the products must be a number from 0 to"),
        ({"products": [{}] * 10_001}, "Expected `array` of length <= 10000 - at `$.properties.products`"),
        ({"coupon": "YAZ"}, "Order Completed says what was paid by none of revenue, total and products"),
    ],
)
def test_what_is_refused(properties: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        said(COMPLETED, **properties)

    assert reason in str(refusal.value)


def test_an_erased_event_is_refused_and_null_is_not_said() -> None:
    with pytest.raises(Invalid, match="erased"):
        reading.read(
            Event(**{name: getattr(row(COMPLETED), name) for name in Event.__dataclass_fields__} | {"body": b""})
        )

    assert said(COMPLETED, revenue=1, products=None, guest=None, channel=None) == said(COMPLETED, revenue=1)


@given(
    st.decimals(min_value=0, max_value=10**10, allow_nan=False, allow_infinity=False),
    st.sampled_from(["TRY", "JPY", "KWD"]),
)
def test_amounts_are_rounded_as_everywhere(amount: Decimal, currency: str) -> None:
    state = state_of(said(COMPLETED, revenue=str(amount)), basis=Basis(currency=currency, rates={}))

    assert figures(state)[1] == money.to_minor(amount, currency=currency)


money_texts = st.integers(0, 30_000).map(lambda minor: str(Decimal(minor) / 100))
products = st.lists(
    st.fixed_dictionaries(
        {"product_id": st.sampled_from(["shirt", "socks"])},
        optional={"price": money_texts, "quantity": st.integers(0, 4)},
    ),
    max_size=3,
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "revenue": money_texts,
        "total": money_texts,
        "tax": money_texts,
        "products": products,
        "channel": st.sampled_from(["online", "store"]),
        "currency": st.sampled_from(["TRY", "EUR", "USD"]),
    },
)


@st.composite
def histories(draw: st.DrawFn) -> list[OrderEvent]:
    """Events of one order, with ties in time, repeats and contradictions."""
    events = []
    for position in range(1, draw(st.integers(1, 7)) + 1):
        name = draw(st.sampled_from([COMPLETED, COMPLETED, UPDATED, REFUNDED, CANCELLED]))
        properties = draw(contents) | ({"revenue": draw(money_texts)} if name == COMPLETED else {})
        events.append(said(name, minute=draw(st.integers(0, 4)), position=position, **properties))
    return events


@given(histories(), st.data())
def test_any_order_of_arrival_ends_in_the_same_state(events: list[OrderEvent], data: st.DataObject) -> None:
    basis = Basis(currency="TRY", rates=EUR_RATES)
    whole = state_of(*events, basis=basis)
    shuffled = data.draw(st.permutations(events))
    # The log numbers events as they arrive.
    arrived = [structs.replace(event, position=100 + n) for n, event in enumerate(shuffled)]

    other = state_of(*arrived, basis=basis)

    assert (other.order, other.lines, other.entries) == (whole.order, whole.lines, whole.entries)
    assert [shuffled[p.position - 100].position for p in other.problems] == [p.position for p in whole.problems]


@given(histories())
def test_entries_always_sum_to_the_net_and_never_fall_below_zero(events: list[OrderEvent]) -> None:
    state = state_of(*events, basis=Basis(currency="TRY", rates=EUR_RATES))

    if state.order is None:
        assert state.entries == state.lines == ()
        return
    running = 0
    for entry in state.entries:
        running += entry.amount_minor
        assert running >= 0
    assert running == state.order.net_minor
    assert [entry.at for entry in state.entries] == sorted(entry.at for entry in state.entries)
    assert (state.order.status is OrderStatus.CANCELLED) == any(e.kind == "cancelled" for e in events)
    if state.order.status is OrderStatus.CANCELLED:
        assert running == 0


def _cases_of_page() -> list[list[list[str]]]:
    """The rows of every worked case, as cells."""
    page = (Path(__file__).resolve().parents[2] / "docs/algorithms/orders.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| event \|.*\n\|.*\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in table.splitlines()] for table in tables
    ]


def test_the_page_has_its_cases() -> None:
    assert [len(rows) for rows in _cases_of_page()] == [5, 4, 4, 2]


@pytest.mark.parametrize("rows", _cases_of_page())
def test_the_worked_cases_of_the_page(rows: list[list[str]]) -> None:
    basis = Basis(currency="TRY", rates=EUR_RATES)
    events: list[OrderEvent] = []
    for position, (name, time, properties, _, net) in enumerate(rows, 1):
        hours, minutes = map(int, time.split(":"))
        minute = hours * 60 + minutes - 540  # the page's day begins at START, nine o'clock
        events.append(said(name, minute=minute, position=position, **json.loads(properties.strip("`"))))
        assert figures(state_of(*events, basis=basis))[3] == int(net)

    entries = [int(entry) for _, _, _, entry, _ in rows if entry != "-"]
    assert [amount for _, amount in amounts(state_of(*events, basis=basis))] == entries


def parts(*events: OrderEvent, basis: Basis = TRY) -> list[tuple[int, int]]:
    """What each line is of the revenue, and what has gone back of it."""
    return [(line.paid_minor, line.refunded_minor) for line in state_of(*events, basis=basis).lines]


@pytest.mark.parametrize(
    ("refunds", "gone"),
    [
        ([{}], (40000, 10005)),
        ([{"revenue": 100}], (7999, 2001)),
        ([{"products": [{"product_id": "socks", "quantity": 1}]}], (0, 3335)),
        ([{"products": [{"product_id": "socks"}]}], (0, 10005)),
        ([{"products": [{"product_id": "shirt", "quantity": 1, "price": 150}]}], (15000, 0)),
        # An amount and the products that it is for.
        ([{"total": 50, "products": [{"product_id": "socks", "quantity": 1}]}], (0, 5000)),
        # More than the line is: the rest comes from the other one.
        ([{"total": 200, "products": [{"product_id": "socks"}]}], (9995, 10005)),
        # Products that the order has not are no line of it.
        ([{"products": [{"product_id": "hat", "price": 50}]}], (4000, 1000)),
        # By line, then by what is left of each.
        ([{"products": [{"product_id": "shirt", "quantity": 1}]}, {"revenue": "30.005"}], (22000, 1001)),
        ([{"products": [{"product_id": "shirt"}]}, {"products": [{"product_id": "shirt"}]}], (40000, 10005)),
    ],
)
def test_refunds_by_line(refunds: list[dict[str, Any]], gone: tuple[int, int]) -> None:
    bought = said(COMPLETED, products=[SHIRT, SOCKS])

    found = parts(bought, *(said(REFUNDED, minute=minute, **each) for minute, each in enumerate(refunds, 1)))

    assert [paid for paid, _ in found] == [40000, 10005]
    assert tuple(part for _, part in found) == gone


def test_lines_are_parts_of_what_was_paid() -> None:
    discounted = said(COMPLETED, revenue=90, tax=18, shipping=5, products=[{"price": 60}, {"price": 40}, {"price": 0}])
    assert parts(discounted) == [(5400, 0), (3600, 0), (0, 0)]
    assert parts(discounted, basis=Basis(currency="TRY", revenue="with_tax_and_shipping", rates={})) == [
        (6780, 0),
        (4520, 0),
        (0, 0),
    ]
    order = state_of(discounted).order
    assert order is not None
    assert (order.goods_minor, order.taxed_minor, order.total_minor) == (9000, 10800, 11300)
    assert parts(said(COMPLETED, revenue=90, products=[{"price": 0}])) == [(0, 0)]
    assert parts(said(COMPLETED, revenue="0.01", products=[{"price": 1}] * 3)) == [(1, 0), (0, 0), (0, 0)]


def test_refunds_by_line_of_an_order_that_changes_afterwards() -> None:
    """Refunds count for the lines as they are in the end; what was given back beyond them has no line."""
    events = [
        said(COMPLETED, products=[SHIRT, SOCKS]),
        said(REFUNDED, minute=1, products=[{"product_id": "socks", "quantity": 1}]),
        said(UPDATED, minute=2, products=[SOCKS]),
    ]
    assert parts(*events) == [(10005, 3335)]
    assert parts(*events, said(UPDATED, minute=3, revenue=10)) == [(1000, 1000)]


@given(st.data())
def test_lines_sum_to_the_order(data: st.DataObject) -> None:
    prices = data.draw(st.lists(st.integers(0, 500), max_size=4))
    products = [{"product_id": f"p{n}", "price": price} for n, price in enumerate(prices)]
    refund = st.one_of(
        st.builds(dict),
        st.builds(lambda amount: {"revenue": amount}, st.integers(0, 600)),
        st.builds(lambda n: {"products": [{"product_id": f"p{n}"}]}, st.integers(0, 3)) if prices else st.builds(dict),
    )
    refunds = data.draw(st.lists(refund, max_size=4))
    events = [
        said(COMPLETED, revenue=data.draw(st.integers(0, 1500)), products=products, currency="EUR"),
        *(said(REFUNDED, minute=minute, **each) for minute, each in enumerate(refunds, 1)),
    ]
    state = state_of(*events, basis=Basis(currency="TRY", rates={"EUR": [(date(2026, 1, 1), Decimal("48.2537"))]}))
    assert state.order is not None
    if any(prices):
        assert sum(line.paid_minor for line in state.lines) == state.order.revenue_minor
        assert sum(line.refunded_minor for line in state.lines) == state.order.refunded_minor
    assert all(0 <= line.refunded_minor <= line.paid_minor for line in state.lines)
