"""The REST API `/api/v1`: its areas, its document, and the page that shows it."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, re_path
from ninja import NinjaAPI, Swagger
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from sadakat.analytics.web import rest as analytics
from sadakat.analytics.web import rest_goals as goals
from sadakat.commerce.web import rest as commerce
from sadakat.customers.web import rest as customers
from sadakat.customers.web import rest_events as customer_events
from sadakat.events.web import rest as events
from sadakat.loyalty.web import rest as loyalty
from sadakat.loyalty.web import rest_programme as loyalty_programme
from sadakat.platform import http, problems, rest
from sadakat.platform.web import rest as platform
from sadakat.predictions.web import rest as predictions
from sadakat.segments.web import rest as segments

DESCRIPTION = """
Send a key as `Authorization: Bearer sk_…`; the console makes keys under Settings → API keys, each with its scopes.

Errors are problem documents (RFC 9457). Every write takes an `Idempotency-Key`: sent again within 24 hours, the same
request gets the first answer again. Lists come in pages: ask for the next one with `before` set to the `next` of the
last. Customers are named by id or by `TYPE:VALUE`, such as `email:ayse@example.com`. Times are ISO 8601 in UTC,
amounts are in minor units. Unknown parameters and fields are refused.
"""
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your own for this one request, such as a UUID: sent again, it is done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_READ_PROBLEMS = (401, 403, 404, 422, 503)
_WRITE_PROBLEMS = (400, 401, 403, 404, 409, 413, 422, 503)


class Document(Swagger):
    """The page that shows the API; its script and style come from the installed package."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        """The page; its icons are data: images, which no other page may have."""
        response = super().render_page(request, api, **kwargs)
        response.headers["Content-Security-Policy"] = http.POLICY.replace("img-src 'self'", "img-src 'self' data:")
        return response


class Api(NinjaAPI):
    """All areas, with problems for errors."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """The document, with the problems and the headers that every operation of a method has."""
        document = super().get_openapi_schema(**kwargs)
        components = document["components"]
        components["responses"] = {str(status): _told(status) for status in problems.MEANINGS}
        # Faults are named inside, so that the reference of a problem leads to them.
        schema = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components["schemas"] |= {**schema.pop("$defs"), "Problem": schema}
        for path in document["paths"].values():
            for method, operation in path.items():
                if method != "get":
                    operation["parameters"].append(_IDEMPOTENCY_KEY)
                for status in _READ_PROBLEMS if method == "get" else _WRITE_PROBLEMS:
                    operation["responses"][status] = {"$ref": f"#/components/responses/{status}"}
        return document


def urls() -> tuple[list[URLPattern | URLResolver], str, str]:
    """The addresses below `/api/v1/`, for `path`; what none of them takes is a problem too."""
    patterns, app_name, namespace = _api().urls
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)
        pattern.callback = rest.answered(pattern.callback)
    return [*patterns, re_path("", rest.answered(_unknown))], app_name, namespace


def _api() -> Api:
    api = Api(title="Sadakat", version="1", description=DESCRIPTION, docs=Document(), parser=rest.Parser())
    for error in (Exception, Http404, HttpError, ValidationError):
        api.add_exception_handler(error, problems.problem_of)  # type: ignore[arg-type]  # errors come as instances
    # Customers and members come last of their kind: a reference may hold slashes, so theirs is the widest address.
    for area in (
        platform.area,
        customer_events.timelines,
        commerce.area,
        predictions.of_customers,
        customers.area,
        analytics.area,
        predictions.area,
        goals.area,
        segments.area,
        loyalty_programme.area,
        loyalty.area,
        events.area,
        customer_events.live,
    ):
        api.add_router("", area)
    return api


def _unknown(_request: HttpRequest) -> HttpResponse:
    """Nothing is here."""
    raise Http404


def _told(status: int) -> dict[str, Any]:
    """A problem in the document."""
    example = {
        "type": "about:blank",
        "title": problems.title(status),
        "status": status,
        "detail": problems.EXAMPLES[status],
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": problems.MEANINGS[status], "content": {problems.CONTENT_TYPE: content}}
