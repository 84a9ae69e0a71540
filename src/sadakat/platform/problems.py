"""Errors of the REST API as problem documents (RFC 9457)."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel

from sadakat.kernel.errors import SadakatError

CONTENT_TYPE: Final = "application/problem+json"
MEANINGS: Final[dict[int, str]] = {
    400: "The request cannot be read: broken JSON, or a body that did not come through.",
    401: "There is no key, or one that is unknown or revoked.",
    403: "The key lacks the scope, which is named, or a rule forbids it.",
    404: "It does not exist.",
    405: "The address has no such method; `Allow` lists those that it has.",
    409: "It contradicts what is already there, or the Idempotency-Key has been used for another request.",
    413: "The body is too large.",
    422: "The request can be read and means nothing here; `errors` says where.",
    500: "A fault of the server; its log has the `Request-Id`.",
    503: "A part that is needed does not answer now; trying again later may help.",
}
"""What each status of a problem means, for the document."""
EXAMPLES: Final[dict[int, str]] = {
    400: "the body must be one JSON document in UTF-8",
    401: "send a key as `Authorization: Bearer sk_…`",
    403: "this key needs the scope customers:read",
    404: "no customer is known as 'email:ayse@example.com'",
    405: "expected GET, not PUT",
    409: "another source is named 'Till'",
    413: "a body may have 65536 bytes, not 70000",
    422: "limit: Input should be less than or equal to 200",
    500: "something went wrong here",
    503: "the database does not answer",
}

log: Final = structlog.get_logger()


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str
    """Path to it, such as `query.limit`."""
    detail: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 says it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None


def title(status: int) -> str:
    """The title of a problem: the phrase of its status, as `about:blank` asks for."""
    # RFC 9110 has renamed these two; Python says it so from 3.13 on.
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(status).phrase


def problem(status: int, detail: str, *, errors: Sequence[dict[str, str]] = ()) -> HttpResponse:
    """The answer that tells of a problem."""
    document: dict[str, Any] = {"type": "about:blank", "title": title(status), "status": status, "detail": detail}
    if errors:
        document["errors"] = list(errors)
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
    response = HttpResponse(text, status=status, content_type=CONTENT_TYPE)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def problem_of(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to a request that ended in `error`."""
    match error:
        case SadakatError() if error.http_status != 500:
            told = problem(error.http_status, str(error))
        case ValidationError():
            faults = [_fault(each) for each in error.errors]
            told = problem(422, "; ".join(f"{f['where']}: {f['detail']}" for f in faults)[:500], errors=faults)
        case HttpError():
            told = problem(error.status_code, EXAMPLES.get(error.status_code, str(error)))
        case Http404():
            told = problem(404, f"there is nothing at {request.path[:200]}")
        case RequestDataTooBig():
            told = problem(413, str(error))
        case SuspiciousOperation() | UnreadablePostError():
            told = problem(400, "the request did not come through as a whole, or asks for too much")
        case OperationalError() | InterfaceError():
            log.warning("rest.database_silent", error=type(error).__name__)
            told = problem(503, EXAMPLES[503])
        case _:
            log.error("rest.fault", route=request.resolver_match and request.resolver_match.route, exc_info=error)
            told = problem(500, EXAMPLES[500])
    return told


def _fault(error: dict[str, Any]) -> dict[str, str]:
    """One of ninja's errors; the body's own name in the code, `body`, is left out."""
    return {"where": ".".join(map(str, error["loc"])).replace("body.body", "body", 1), "detail": error["msg"]}
