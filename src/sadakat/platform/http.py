"""What every answer of the console carries, and the language it is written in."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sadakat.kernel.errors import SadakatError
from sadakat.platform.models import User
from sadakat.platform.ui import reasons

POLICY: Final = (
    "default-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PERMISSIONS_POLICY: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"

REFUSALS: Final[dict[int, Promise]] = {
    403: _("This is not allowed"),
    404: _("This does not exist"),
    409: _("This contradicts what is already there"),
    422: _("This cannot be read"),
    503: _("This does not answer now"),
}
"""The heading of a page whose view raised one of our errors, by HTTP status."""

Handler = Callable[[HttpRequest], HttpResponse]


class SecurityHeaders:
    """Adds the strict policies: nothing from another host, no inline script or style, no eval, no devices."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers with the headers added."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class Compressed(GZipMiddleware):
    """Packs whole pages. A stream would be packed piece by piece, of which browsers read the first alone."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer, packed where it is whole."""
        is_page = not response.streaming and response.headers.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_page else response


class UserLanguage:
    """Speaks the language that a person has chosen, on whatever browser; without a choice, the browser's."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers in the person's language."""
        if isinstance(request.user, User) and request.user.language:
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = request.user.language
        return self.get_response(request)


class Refusals:
    """Turns an error of ours, which a view let through, into a page that says what it says."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers as the view does."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for `error`, or nothing when it is a fault of the code."""
        if not isinstance(error, SadakatError) or error.http_status not in REFUSALS:
            return None
        context = {"title": REFUSALS[error.http_status], "text": reasons.shown(error)}
        return render(request, "platform/refused.html", context, status=error.http_status)
