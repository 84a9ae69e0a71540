"""What counts as a message and when it happened."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.events.rules import messages as rules
from sadakat.events.types import MAX_EVENT_BYTES, Kind, Message, Source, SourceKind
from sadakat.kernel.errors import Invalid

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Resolver:
    """Finds the plainest identifiers and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {}

    def identifiers_of(self, *, kind, message, is_trusted):
        self.shown = {**message, "kind": kind, "is_trusted": is_trusted}
        email = message["traits"].get("email") or message["context"]["traits"].get("email")
        pairs = [("user_id", message["userId"]), ("email", email), ("anonymous_id", message["anonymousId"])]
        return tuple(f"{name}:{value}" for name, value in pairs if value)

    def resolve(self, batch, *, sources):
        raise AssertionError("collecting resolves nobody")


def source(kind: SourceKind = SourceKind.SERVER) -> Source:
    return Source(
        id=7,
        name="shop",
        kind=kind,
        is_trusted=kind is not SourceKind.BROWSER,
        joins_profiles=True,
        accepts_orders=True,
        namespace="",
        allowed_origins=(),
        is_enabled=True,
    )


def parse(said: dict[str, Any] | bytes, *, resolver: Resolver | None = None, **options: Any) -> Message:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    defaults: dict[str, Any] = {
        "source": source(),
        "received_at": NOON,
        "sent_at": None,
        "limit": MAX_EVENT_BYTES,
        "resolver": resolver or Resolver(),
    }
    return rules.parse_message(raw, **defaults | options)


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Cart Viewed", "userId": "ayse", "messageId": "m1", **fields}


def nested(levels: int) -> bytes:
    """An event of exactly so many levels."""
    return (
        b'{"type":"track","event":"X","userId":"a","properties":'
        + b'{"a":' * (levels - 2)
        + b'["]}{["]'
        + b"}" * (levels - 1)
    )


def test_a_message_keeps_its_body_as_it_came() -> None:
    raw = b' {"type": "track",\t"event": "\\u0130nceleme", "userId": 42, "extra": [1.10, 1e3], "messageId": "m1"} '
    assert parse(raw) == Message(
        source_id=7,
        message_id="m1",
        kind=Kind.TRACK,
        event="İnceleme",
        at=NOON,
        received_at=NOON,
        identifiers=("user_id:42",),
        body=raw,
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_every_call_is_known_by_type_and_by_route(kind: Kind) -> None:
    said = track(type=kind.name.lower())
    assert parse(said).kind is kind
    assert parse(said).event == ("Cart Viewed" if kind is Kind.TRACK else "")
    assert parse(track(type=None), kind=kind).kind is kind


def test_the_resolver_is_shown_ids_as_text_and_traits_of_both_places() -> None:
    resolver = Resolver()
    parse(
        {
            "type": "identify",
            "userId": 42,
            "anonymousId": None,
            "previousId": 4.5,
            "traits": {"email": "a@b.c"},
            "context": {"traits": {"card": "9"}, "externalIds": [{"id": "1"}], "page": {"path": "/"}},
        },
        resolver=resolver,
        source=source(SourceKind.BROWSER),
    )
    assert resolver.shown == {
        "kind": Kind.IDENTIFY,
        "is_trusted": False,
        "userId": "42",
        "anonymousId": None,
        "previousId": "4.5",
        "traits": {"email": "a@b.c"},
        "context": {"traits": {"card": "9"}, "externalIds": [{"id": "1"}]},
    }


def test_trusted_events_about_goods_need_nobody() -> None:
    said = track(event="Product Updated", userId=None)
    assert parse(said).identifiers == ("profile:0",)
    for refused, kind in ((said | {"type": "page"}, SourceKind.SERVER), (said, SourceKind.BROWSER)):
        with pytest.raises(Invalid, match="names somebody"):
            parse(refused, source=source(kind))


def test_a_missing_message_id_is_made_and_never_the_same_twice() -> None:
    first, second = parse(track(messageId=None)), parse(track(messageId=""))
    assert len(first.message_id) == 32
    assert first.message_id != second.message_id
    assert parse(track(messageId=12)).message_id == "12"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "not JSON"),
        (b"null", "Expected `object`, got `null`"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"type": "track", "event": "X", "userId": "a"', "not JSON"),
        (b'{"type": "track", "event": "X", "userId": "a", "x": NaN}', "not JSON"),
        (b'{"type": "track", "event": "X", "userId": "a", "x": "\x00"}', "not JSON"),
        (b'{"type": "track", "event": "X", "userId": "a", "x": "\xff"}', "not UTF-8: byte 53"),
        (b'{"type": "track", "event": "X", "userId": "a", "x": "\\u0000"}', "NUL"),
        (b'{"type": "track", "event": "X", "userId": "a", "x": "\\\\\\u0000"}', "NUL"),
        (b'{"type": "track", "event": "X", "userId": "a", "x": "\\ud83d!"}', "surrogate"),
        (b'{"type": "track", "event": "X", "userId": "\\uDE00", "x": ""}', "surrogate"),
        (nested(33), "nested more than 32 levels"),
        (nested(40), "nested more than 32 levels"),
        (track(type="tracks"), "type must be one of identify, track, page, screen, group, alias, not 'tracks'"),
        (track(type=None), "type must be one of"),
        (track(type=5), "at `$.type`"),
        (track(event=None), "needs the name of its event"),
        (track(event=""), "needs the name of its event"),
        (track(event="x" * 256), "event may have 255 characters, not 256"),
        (track(event={"name": "x"}), "at `$.event`"),
        (track(userId=None), "an identifier that names somebody is needed"),
        (track(userId=""), "an identifier that names somebody is needed"),
        (track(userId=True), "got `bool` - at `$.userId`"),
        (track(userId=["a"]), "at `$.userId`"),
        (track(userId="x" * 256), "userId may have 255 characters, not 256"),
        (track(anonymousId="x" * 300), "anonymousId may have 255 characters, not 300"),
        (track(messageId="x" * 256), "messageId may have 255 characters, not 256"),
        (track(properties="a lot"), "properties must be an object"),
        (track(traits=[]), "at `$.traits`"),
        (track(context="web"), "at `$.context`"),
        (track(context={"traits": 5}), "at `$.context.traits`"),
        (track(properties={"x": "y" * MAX_EVENT_BYTES}), "32,768 are possible"),
        (track(timestamp="yesterday"), "ISO 8601 time such as 2026-11-20T09:30:00Z, not 'yesterday'"),
        (track(timestamp=""), "ISO 8601"),
        (track(timestamp=1700000000), "at `$.timestamp`"),
        (track(timestamp="1970-01-01T00:00:00Z"), "between 1990 and a day from now"),
        (track(timestamp="2100-01-01T00:00:00Z"), "between 1990 and a day from now"),
        (track(timestamp="0001-01-01T00:00:00+14:00"), "between 1990 and a day from now"),
        (track(timestamp="9999-12-31T23:59:59-14:00"), "between 1990 and a day from now"),
    ],
)
def test_what_cannot_count_is_refused_with_one_reason(said: dict[str, Any] | bytes, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(said)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "said",
    [
        b'{"type": "track", "event": "X", "userId": "a", "x": "\\\\u0000 and \\\\\\\\u0000"}',
        b'{"type": "track", "event": "X", "userId": "a", "x": "\\ud83d\\ude00"}',
        nested(32),
        b'{"type": "track", "event": "X", "userId": "a", "x": "' + b"{[" * 100 + b'\\"{"}',
        json.dumps(track(properties={"products": [{"n": [i]} for i in range(200)]})).encode(),
        json.dumps(track(properties=None, traits=None, context=None)).encode(),
    ],
)
def test_what_only_looks_bad_is_taken(said: bytes) -> None:
    assert parse(said).body == said


@pytest.mark.parametrize(
    ("stated", "sent", "expected"),
    [
        (None, "2026-11-20T12:00:00Z", "12:00:00"),
        ("2026-11-20T11:59:58.250Z", None, "11:59:58.250000"),
        ("2026-11-20T14:30:00+03:00", None, "11:30:00"),
        ("2026-11-20T11:30:00", None, "11:30:00"),
        ("2026-11-20T11:59:00Z", "2026-11-20T11:59:30Z", "11:59:00"),  # near: as stated
        ("2026-11-20T11:50:00Z", "2026-11-20T11:55:00Z", "11:50:00"),  # five minutes are still near
        ("2026-11-20T10:00:00Z", "2026-11-20T10:30:00Z", "11:30:00"),  # two clocks
        ("2026-11-20T15:00:00Z", "2026-11-20T15:10:00Z", "11:50:00"),  # a clock that runs ahead
        ("1970-01-01T00:00:05Z", "1970-01-01T00:01:05Z", "11:59:00"),  # a dead clock battery
        ("2026-11-20T12:30:00Z", None, "12:00:00"),  # never after it was received
        ("2026-11-20T11:00:00Z", "2026-11-20T10:00:00Z", "12:00:00"),
        ("2026-11-20T11:00:00Z", "1970-01-01T00:00:00Z", "11:00:00"),  # a sending time that cannot be
        ("2026-11-20T11:00:00Z", "2100-01-01T00:00:00Z", "11:00:00"),
        ("2026-11-20T11:00:00Z", "soon", "11:00:00"),
        ("2026-11-20T11:00:00Z", 17, "11:00:00"),
    ],
)
def test_the_event_time_follows_our_clock(stated: str | None, sent: object, expected: str) -> None:
    at = rules.event_time(stated, sent_at=sent, received_at=NOON, is_corrected=True)
    assert at.isoformat() == f"2026-11-20T{expected}+00:00"


def test_backdated_history_of_a_server_survives() -> None:
    at = parse(track(timestamp="2019-05-01T10:00:00+03:00"), sent_at="2026-11-20T11:59:59Z").at
    assert at == datetime(2019, 5, 1, 7, tzinfo=UTC)


def test_the_original_timestamp_and_the_message_own_sending_time_win() -> None:
    said = track(
        timestamp="2026-11-20T01:00:00Z",
        originalTimestamp="2026-11-20T10:00:00Z",
        sentAt="2026-11-20T10:30:00Z",
    )
    assert parse(said, sent_at="2026-11-20T12:00:00Z").at == NOON - timedelta(minutes=30)


def test_an_import_takes_the_stated_time_as_it_is() -> None:
    said = track(timestamp="2026-11-20T20:00:00Z", sentAt="2026-11-19T12:00:00Z")
    assert parse(said, source=source(SourceKind.IMPORT)).at == NOON + timedelta(hours=8)
    with pytest.raises(Invalid, match="between 1990"):
        parse(track(timestamp="2100-01-01T00:00:00Z"), source=source(SourceKind.IMPORT))


def test_a_bad_message_does_not_spoil_the_good_ones() -> None:
    raws = [
        json.dumps(said).encode()
        for said in (track(messageId="a"), track(messageId="b", event=""), track(messageId="c"))
    ]
    messages, rejections = rules.parse_messages(
        [*raws, b'{"messageId": "d\\u0000"}', b"\xff\x00", b'"' + b"x" * 40_000 + b'"'],
        source=source(),
        received_at=NOON,
        sent_at=None,
        limit=MAX_EVENT_BYTES,
        resolver=Resolver(),
    )
    assert [message.message_id for message in messages] == ["a", "c"]
    assert [(each.message_id, each.reason[:20]) for each in rejections] == [
        ("b", "a track call needs t"),
        ("d\N{REPLACEMENT CHARACTER}", "texts must not conta"),
        ("", "not UTF-8: byte 0 ca"),
        ("", "the event has 40,002"),
    ]
    assert len(rejections[3].body) == rules.MAX_REJECTED_BODY_BYTES
    assert "\0" not in rejections[2].body


def test_half_a_surrogate_pair_is_made_refusable_in_place() -> None:
    batch = rb'{"batch":[{"a":"\ud83d\ude00 \\ud83d \ud83d"},{"b":"\udc00"}]}'
    mended = rules.without_lone_surrogates(batch)
    assert mended == rb'{"batch":[{"a":"\ud83d\ude00 \\ud83d \u0000"},{"b":"\u0000"}]}'


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(properties=st.dictionaries(st.text(), json_values, max_size=5), is_ascii=st.booleans())
def test_properties_are_taken_as_they_are_unless_nul_is_in_them(*, properties: dict[str, Any], is_ascii: bool) -> None:
    raw = json.dumps(track(properties=properties), ensure_ascii=is_ascii).encode()
    has_nul = "\0" in "".join(_texts(properties))
    with pytest.raises(Invalid, match="NUL") if has_nul else nullcontext():
        assert parse(raw).body == raw


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words_and_can_be_kept(raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        parse(raw)
    kept = rules.rejection(raw, source_id=7, received_at=NOON, reason=str(refused.value))
    assert kept.reason
    assert "\0" not in kept.body + kept.reason + kept.message_id
    kept.body.encode()


def _moments(*, first: int) -> st.SearchStrategy[datetime]:
    start = datetime(first, 1, 1, tzinfo=UTC)
    return st.integers(min_value=0, max_value=int(130 * 365.25 * 86_400)).map(lambda s: start + timedelta(seconds=s))


@given(
    _moments(first=1985),
    _moments(first=1969) | st.none(),
)
def test_no_event_lies_in_the_future_or_before_1990(stated: datetime, sent: datetime | None) -> None:
    sent_at = None if sent is None else sent.isoformat()
    try:
        at = rules.event_time(stated.isoformat(), sent_at=sent_at, received_at=NOON, is_corrected=True)
    except Invalid:
        return
    assert rules.EARLIEST <= at <= NOON


@given(st.integers(min_value=1, max_value=60))
def test_depth_is_counted_exactly(levels: int) -> None:
    raw = b"[" * levels + b"]" * levels
    assert rules._is_too_deep(raw) == (levels > 32)
