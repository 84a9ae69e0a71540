"""schemathesis asks every operation of the OpenAPI document for faults; the document shows each by an example."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from sadakat.platform import audit
from tests.integration import asking
from tests.integration.asking import caller

shop = asking.shop
EXAMPLES = 25
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Of the shop, so that not everything that is asked for is missing.
REFERENCES = ["user_id:1001", "email:isil.igdir@example.com", "phone:05321234503", "1", "2", "3"]
# Of the shop, so that not everything that is asked for is missing or cannot be.
KNOWN: dict[str, list[Any]] = {
    "ref": REFERENCES,
    "with": REFERENCES,
    "merge_id": [1, 2, 3],
    "conflict_id": [1, 2],
    "goal_id": [1],
    "key": ["regulars", "vip"],
    "others": ["regulars", "vip"],
    "where": [{"version": 1, "where": {"event": "Order Completed"}}],
    "source_id": [1, 2, 3],
    "customer": REFERENCES,
    "to": REFERENCES,
    "points": [100],
    "reward": [None, "coffee"],
    "tiers": [[]],
    "redemption_id": [1, 2, 3],
    "order": [{"total": 40}, {"products": [{"product_id": "a", "price": 20}]}],
    "allowed_origins": [[], ["https://shop.example"]],
}


@pytest.fixture
def document(database: str) -> Any:
    from django.core.handlers.wsgi import WSGIHandler

    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())


def redeem() -> None:
    """Three members with points; a redemption that is done, one that was released and one that is held."""
    from sadakat.loyalty import api as loyalty

    loyalty.apply_programme({}, actor=audit.CLI, at=timezone.now())
    till = caller()
    reward = {"name": {"en": "Coffee"}, "kind": "product", "points": 100}
    assert till.ask("PUT", "/loyalty/rewards/coffee", reward)[0] == 201
    for ref in REFERENCES[:3]:
        assert till.ask("POST", "/loyalty/members", {"customer": ref})[0] == 201
        given = {"points": 1_000_000, "reason": "Welcome"}
        assert till.ask("POST", f"/loyalty/members/{ref}/adjust", given)[0] == 200
    for has_hold in (False, True, True):
        said = {"points": 100, "hold": has_hold}
        assert till.ask("POST", f"/loyalty/members/{REFERENCES[0]}/redeem", said)[0] == 201
    assert till.ask("POST", "/loyalty/redemptions/2/release")[0] == 200


def statuses_of(place: int, operation: Any, *, mode: GenerationMode, headers: dict[str, str]) -> set[int]:
    """What an operation answered to its examples, each answer checked against the document."""
    # Of its own: a key that another operation has had is refused.
    known = {**KNOWN, "Idempotency-Key": [f"key-{place}-{number}" for number in range(200)]}
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        for said in (case.path_parameters, case.headers, case.query, case.body):
            for name in sorted(set(said) & set(known)) if isinstance(said, Mapping) else ():
                if data.draw(st.integers(0, 3)):
                    said[name] = data.draw(st.sampled_from(known[name]))
        response = case.call(headers=headers)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    return seen


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_no_input_is_a_fault_and_every_answer_is_as_the_document_says(
    document: Any, shop: None, mode: GenerationMode
) -> None:
    from sadakat.segments import api as segments

    for key in KNOWN["key"]:
        segments.create_segment(name=key, where=None, actor=audit.CLI, at=timezone.now())
    redeem()
    headers = {"Authorization": f"Bearer {caller().key}", "Host": "localhost"}
    operations = [result.ok() for result in document.get_all_operations()]
    seen = {
        operation.label: statuses_of(place, operation, mode=mode, headers=headers)
        for place, operation in enumerate(operations)
    }
    assert len(seen) == 54
    if mode is GenerationMode.POSITIVE:
        assert {label for label, statuses in seen.items() if not statuses & {200, 201}} == set()
        assert not {400, 401, 405, 413} & set().union(*seen.values())


def examples(document: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each example with what it shows and its schema."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            told = [answer for status, answer in operation["responses"].items() if status < "300"]
            for part in [*told, *filter(None, [operation.get("requestBody")])]:
                said = part["content"]["application/json"]
                yield f"{method} {path}", said["example"], said["schema"]


def test_every_operation_shows_a_request_and_an_answer_that_fit_the_schema(database: str) -> None:
    from django.test import Client

    document = Client(SERVER_NAME="localhost").get("/api/v1/openapi.json").json()
    shown = list(examples(document))
    assert len({label for label, _, _ in shown}) == 54
    for label, example, schema in shown:
        whole = schema | {"components": document["components"]}
        errors = [str(error) for error in jsonschema_rs.validator_for(whole).iter_errors(example)]
        assert errors == [], label
        if "items" in example and "$ref" in schema:
            assert example["items"], label
    for method, operation in [pair for methods in document["paths"].values() for pair in methods.items()]:
        assert operation["summary"]
        assert "scope `" in operation["description"] or operation["operationId"] == "me"
        headers = [one["name"] for one in operation["parameters"] if one["in"] == "header"]
        assert headers == ([] if method == "get" else ["Idempotency-Key"])
        assert all("description" in one for one in operation["parameters"]), operation["operationId"]
