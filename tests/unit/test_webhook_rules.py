"""What is posted to webhooks: signed as the standard says, kept off our own network, tried again for three days."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sadakat.events.rules import webhooks as rules
from sadakat.kernel.errors import Invalid

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
# The example of the Standard Webhooks specification: message id, timestamp, body and signature for this secret.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_signature_is_that_of_the_published_example() -> None:
    id_, timestamp, body = SIGNED
    at = datetime.fromtimestamp(timestamp, UTC)
    said = rules.headers(message_id=id_, at=at, body=body, signed_with=[SECRET])
    assert said == {
        "Content-Type": "application/json",
        "User-Agent": "Sadakat-Webhooks",
        "webhook-id": id_,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_while_a_secret_is_replaced_both_sign_the_new_one_first() -> None:
    new = rules.secret_of(bytes(range(32)))
    said = rules.headers(message_id="evt_1", at=AT, body=b"{}", signed_with=[new, SECRET])
    keys = [bytes(range(32)), base64.b64decode(SECRET.removeprefix("whsec_"))]
    signed = f"evt_1.{int(AT.timestamp())}.{{}}".encode()
    expected = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    assert said["webhook-signature"] == " ".join(f"v1,{one}" for one in expected)


def test_body_says_what_happened_to_whom_and_where_it_stands_in_the_log() -> None:
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).astimezone(None)
    body = rules.body(event="Tier Changed", at=at, customer_id=17, position=5, properties={"tier": "altın"})
    assert json.loads(body) == {
        "type": "Tier Changed",
        "timestamp": "2026-11-20T12:00:00Z",
        "data": {"customer_id": 17, "position": 5, "properties": {"tier": "altın"}},
    }


def test_names_are_found_and_left_out_however_deep() -> None:
    said = {"a": [{"b": {"email": "x"}}, 3], "email": None, "c": {}}
    assert sorted(rules.names_in(said)) == ["a", "b", "c", "email", "email"]
    assert rules.without(said, {"email"}) == {"a": [{"b": {}}, 3], "c": {}}


def test_a_delivery_is_tried_ten_times_over_three_days() -> None:
    at, tries = AT, [AT]
    while (following := rules.retry_at(attempts=len(tries), at=at)) is not None:
        at = following
        tries.append(at)
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(tries)]
    assert gaps == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert (len(tries), (at - AT).days) == (10, 3)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 4), (8, 256), (9, 300), (10_000, 300)])
def test_a_failing_webhook_rests_longer_each_time(failures: int, seconds: int) -> None:
    assert rules.rest_until(failures=failures, at=AT) == AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/webhooks",
        "http://shop.example.com:8080",
        "https://[2606:2800:220::1]/a?token=x%20y",
        "HTTPS://Shop.example.com/",
    ],
)
def test_addresses_that_can_be_posted_to(url: str) -> None:
    assert rules.checked_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example.com",
        "ftp://shop.example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:pass@shop.example.com",
        "https://shop.example.com/#part",
        "https://shop.example.com:0/",
        "https://shop.example.com:port/",
        "https://[oops/",
        "https://mağaza.example.com/",
        "https://shop.example.com/a b",
        "https://shop.example.com/\r\nX: y",
        "https://shop.example.com/" + "a" * 2_000,
    ],
)
def test_addresses_that_cannot(url: str) -> None:
    with pytest.raises(Invalid, match=r"an address is like https://shop\.example\.com/webhooks, not"):
        rules.checked_url(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::1",
        "::7f00:1",
    ],
)
def test_addresses_inside(address: str) -> None:
    assert not rules.is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:2800:220::1", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_of_the_public_internet(address: str) -> None:
    assert rules.is_public(address)
