"""The ground of the REST API: who asks, areas of operations with their scopes, pages, and what every answer carries."""

import base64
import inspect
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from ninja import Router, Schema
from ninja.decorators import decorate_view
from ninja.params import functions as params
from ninja.parser import Parser as NinjaParser
from ninja.security import HttpBearer
from pydantic import ConfigDict, Field, PlainSerializer, WithJsonSchema

from sadakat.kernel.errors import Invalid, Refused
from sadakat.platform import apikeys, audit, idempotency
from sadakat.platform.apikeys import Scope
from sadakat.platform.models import ApiKey
from sadakat.platform.problems import CONTENT_TYPE, problem, problem_of

MAX_BODY_BYTES: Final = 64 * 1024
MAX_LIMIT: Final = 200
MAX_ID: Final = 2**63 - 1
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")
Handler = Callable[..., HttpResponse]
F = TypeVar("F", bound=Callable[..., Any])

# What cursors are made of. PostgreSQL's text has no NUL.
Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
Micros = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999_999)]
"""An instant as microseconds since 1970, up to the year 9999."""
Text = Annotated[str, msgspec.Meta(pattern="^[^\0]*$", max_length=1000)]


def utc(at: datetime) -> str:
    """A moment as ISO 8601 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[
    datetime,
    PlainSerializer(utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment, told by `utc`."""
Line = Annotated[str, Field(pattern="^[^\\x00]*$")]
"""Text that PostgreSQL can keep."""
# ninja writes the default of a parameter into its description here: one alias, one default.
Ref = Annotated[str, params.Path(max_length=300, description="A customer: an id, or `TYPE:VALUE` in any spelling.")]
Id = Annotated[int, params.Path(ge=1, le=MAX_ID, description="Its number.")]
Limit = Annotated[int, params.Query(ge=1, le=MAX_LIMIT, description="How many items the page has at most.")]
Before = Annotated[
    str | None, params.Query(max_length=4000, description="`next` of the page before; without it, the first page.")
]


class Request(HttpRequest):
    """A request whose key has been checked."""

    auth: ApiKey


class Answer(Schema):
    """What is told; the words below its fields are in the document too."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Asked(Schema):
    """A body; fields that it does not have are refused."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class Money(Answer):
    """An amount."""

    amount: int
    """In minor units, such as kuruş."""
    currency: str


class Page(Answer, Generic[T]):
    """A part of a list, newest first."""

    items: list[T]
    next: str | None
    """The `before` of the next page; null on the last one."""


class Items(Answer, Generic[T]):
    """A whole list."""

    items: list[T]


class Parser(NinjaParser):
    """Reads bodies strictly: UTF-8 without lone surrogates, numbers that are numbers, nesting that ends."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The document in the body; any error of it is answered 400."""
        return msgspec.json.decode(request.body)


class BearerKey(HttpBearer):
    """`Authorization: Bearer KEY`, with a key that has the scope; without one, any key will do."""

    def __init__(self, scope: Scope | None) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:  # noqa: ARG002 - ninja's signature
        """The key of that token, if there is one.

        Raises:
            Refused: it lacks the scope.
        """
        key = apikeys.key_of(token.strip(), at=timezone.now())
        if key is not None and self.scope is not None and self.scope not in key.scopes:
            raise Refused(f"this key needs the scope {self.scope}")
        return key


class Area(Router):
    """Operations on one kind of thing, with the scope that reads and the one that writes."""

    def __init__(self, tag: str, *, reads: Scope | None, writes: Scope | None = None) -> None:
        super().__init__(tags=[tag])
        self.reads = reads
        self.writes = writes

    def read(self, path: str, *, answer: Any, example: Any) -> Callable[[F], F]:
        """Makes a view the GET of `path`; `example` is an answer."""
        return partial(self._add, "GET", path, BearerKey(self.reads), {200: answer}, example, None)

    def write(
        self,
        path: str,
        *,
        answer: Any,
        example: Any,
        asked: Any = None,
        method: str = "POST",
        statuses: Sequence[int] = (200,),
    ) -> Callable[[F], F]:
        """Makes a view a write of `path`, done once for each Idempotency-Key; `asked` is an example of the body."""
        answers = dict.fromkeys(statuses, answer)
        return partial(self._add, method, path, BearerKey(self.writes), answers, example, asked)

    def _add(
        self, method: str, path: str, key: BearerKey, answers: Mapping[int, Any], example: Any, asked: Any, view: F, /
    ) -> F:
        known: set[str] = set()

        @wraps(view)
        def strict(request: Request, **values: Any) -> Any:
            if unknown := sorted(set(request.GET) - known):
                possible = ", ".join(sorted(known)) or "none"
                raise Invalid(f"the query parameters here are {possible}; not {', '.join(unknown)[:80]}")
            return view(request, **values)

        summary, _, text = (inspect.getdoc(view) or "").partition("\n")
        needs = f"Needs the scope `{key.scope}`." if key.scope else "Any key will do."
        self.add_api_operation(
            path,
            [method],
            strict,
            auth=key,
            response=dict(answers),
            operation_id=view.__name__,
            summary=summary.rstrip("."),
            description=f"{text.strip()}\n\n{needs}".strip(),
            openapi_extra=_examples(answers, example, asked),
        )
        operation = strict._ninja_operation  # type: ignore[attr-defined]  # noqa: SLF001 - ninja puts it there
        for model in operation.models:
            if model.__ninja_param_source__ == "query":
                known.update(model.__ninja_flatten_map__)
        if method != "GET":
            decorate_view(partial(_once, key=key))(strict)
        return view


def actor_of(request: Request) -> audit.Actor:
    """The name under which the audit log knows who asks."""
    return apikeys.actor_of(request.auth)


def money(amount_minor: int, currency: str) -> dict[str, Any]:
    """An amount as `Money` has it."""
    return {"amount": amount_minor, "currency": currency}


def page_of(
    rows: Sequence[Any], *, limit: int, show: Callable[[Any], Any], mark: Callable[[Any], Any]
) -> dict[str, Any]:
    """A page out of up to `limit + 1` rows: each as `show` gives it, and the cursor of the last one by its `mark`."""
    next_ = cursor(mark(rows[limit - 1])) if len(rows) > limit else None
    return {"items": [show(row) for row in rows[:limit]], "next": next_}


def cursor(mark: Any) -> str:
    """Where a page ended, as opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(mark)).rstrip(b"=").decode()


def read_cursor(text: str | None, *, shape: Any) -> Any:
    """What `cursor` was made from, of the type `shape`; None for no cursor.

    Raises:
        Invalid: it is no cursor of such a list.
    """
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=shape)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise Invalid(f"before is the `next` of a page of this list, not {text!r:.80}") from None


def micros(at: datetime) -> int:
    """An instant as part of a cursor."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant(microseconds: int) -> datetime:
    """The instant of `micros`."""
    return _EPOCH + timedelta(microseconds=microseconds)


def answered(view: Handler) -> Handler:
    """Answers for any address of the API: every refusal is a problem document, every answer names its request."""

    # No cookie counts here, so there is nothing that another site could make a browser do.
    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = request.headers.get("Request-Id", "")
        try:
            _check_size(request)
            response = view(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - what nobody named is a fault, and logged as one
            response = problem_of(request, error)
        if response.status_code == 405:
            allowed = ", ".join(sorted(response.headers["Allow"].split(", ")))
            response = problem(405, f"expected {allowed}, not {request.method}")
            response.headers["Allow"] = allowed
        # Django would log the address of a refusal, which may hold somebody's e-mail.
        response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Request-Id"] = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(16)
        return response

    return answer


def _check_size(request: HttpRequest) -> None:
    if request.method not in _SAFE_METHODS and len(request.body) > MAX_BODY_BYTES:
        raise RequestDataTooBig(f"a body may have {MAX_BODY_BYTES} bytes, not {len(request.body)}")


def _once(run: Handler, *, key: BearerKey) -> Handler:
    """Answers a write that carries an Idempotency-Key once."""

    def answer(request: HttpRequest, **values: Any) -> HttpResponse:
        name = request.headers.get("Idempotency-Key")
        who = key(request) if name is not None else None
        if name is None or who is None:
            return run(request, **values)
        told = idempotency.fingerprint(method=str(request.method), path=request.get_full_path(), body=request.body)
        secret = request.headers["Authorization"].split()[-1]
        reserved = idempotency.reserve(api_key_id=who.pk, key=name, request=told, secret=secret, at=timezone.now())
        if isinstance(reserved, idempotency.Answer):
            kind = CONTENT_TYPE if reserved.status >= 400 else "application/json; charset=utf-8"
            headers = {"Idempotency-Replayed": "true"}
            return HttpResponse(reserved.body, status=reserved.status, content_type=kind, headers=headers)
        response = run(request, **values)
        idempotency.keep(reserved, idempotency.Answer(status=response.status_code, body=response.content))
        return response

    return answer


def _examples(answers: Mapping[int, Any], example: Any, asked: Any) -> dict[str, Any]:
    """The part of the document that shows a request and its answer."""
    said = {"content": {"application/json": {"example": example}}}
    extra: dict[str, Any] = {"responses": dict.fromkeys(answers, said)}
    if asked is not None:
        extra["requestBody"] = {"content": {"application/json": {"example": asked}}}
    return extra
