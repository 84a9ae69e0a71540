"""Getting into the member portal, and becoming a member: by a link, or by a code that proves an e-mail address."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django import forms
from django.conf import settings as django_settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from sadakat.customers import api as customers
from sadakat.kernel.errors import Invalid, NotFound, Refused, SadakatError
from sadakat.loyalty.operations import members as member_operations
from sadakat.loyalty.operations import portal as operations
from sadakat.loyalty.queries import members as member_queries
from sadakat.loyalty.queries import programme as programme_queries
from sadakat.loyalty.types import EnrolledBy, Member
from sadakat.loyalty.web import words
from sadakat.platform import audit, brand, login, mail
from sadakat.platform.ui import reasons

P = ParamSpec("P")
MemberView = Callable[Concatenate[HttpRequest, Member, P], HttpResponse]

SESSION: Final = "sadakat_portal"
ASKED: Final = "sadakat_portal_asked"
"""Cookie of somebody to whom a code was mailed, and later of somebody who has said it."""
ASKED_SECONDS: Final = 30 * 60
PATH: Final = "/portal/"
FORM_WRONG: Final = 422
MAX_NAME_LENGTH: Final = 100


class EmailForm(forms.Form):
    """Who asks for a code."""

    email = forms.CharField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


class CodeForm(forms.Form):
    """The code that was mailed."""

    code = forms.RegexField(
        r"^\s*[0-9]{6}\s*$",
        label=gettext_lazy("Code"),
        error_messages={"invalid": gettext_lazy("The code has six digits.")},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


class JoinForm(forms.Form):
    """Who becomes a member."""

    first_name = forms.CharField(
        label=gettext_lazy("First name"),
        max_length=MAX_NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "given-name", "autofocus": True}),
    )
    last_name = forms.CharField(
        label=gettext_lazy("Last name"),
        max_length=MAX_NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    phone = forms.CharField(
        label=gettext_lazy("Phone"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    agrees = forms.BooleanField(label="")

    def __init__(self, *args: Any, wording: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agrees"].label = wording


def public(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """A page for everybody that search engines and caches leave alone."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return private(view(request, *args, **kwargs))

    return guarded


def inside(view: MemberView[P]) -> Callable[..., HttpResponse]:
    """A page for a member who is in, in the language chosen here, else the one that the member prefers."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        at = timezone.now()
        try:
            member_id = operations.member_of_session(request.COOKIES.get(SESSION, ""), at=at)
        except operations.DeadLink:
            return private(redirect("portal_enter"))
        member = member_queries.member(member_id, at=at)
        with translation.override(_language(request, member)):
            return private(view(request, member, *args, **kwargs))

    return guarded


def private(response: HttpResponse) -> HttpResponse:
    """Keeps an answer out of search engines and caches, and says in which language it is."""
    response.headers["Content-Language"] = get_language() or "en"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_GET
@public
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Lets the member in whom a link leads to, and leaves its address behind at once."""
    at = timezone.now()
    try:
        member_id = operations.member_of_link(token, at=at)
    except operations.DeadLink as error:
        return render(request, "loyalty/portal/dead_link.html", {"reason": str(error)}, status=error.http_status)
    response = _let_in(member_id)
    # The address is a key: the page behind it must not be told it.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@require_http_methods(["GET", "POST"])
@public
def enter(request: HttpRequest) -> HttpResponse:
    """Asks for an e-mail address and mails a code to it, whoever's it is."""
    form = EmailForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = FORM_WRONG
        if form.is_valid():
            try:
                return _ask(form.cleaned_data["email"], client=_client(request))
            except login.TooManyAttempts as error:
                form.add_error(None, str(error))
                status = error.http_status
            except SadakatError as error:
                form.add_error(None if error.http_status != FORM_WRONG else "email", reasons.shown(error))
                status = error.http_status
    return render(request, "loyalty/portal/enter.html", {"form": form, "has_mail": mail.is_configured()}, status=status)


@require_http_methods(["GET", "POST"])
@public
def code(request: HttpRequest) -> HttpResponse:
    """Takes the code; then a member is in, and somebody else is asked to become one."""
    asked = _asked(request)
    if asked is None:
        return redirect("portal_enter")
    form = CodeForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = FORM_WRONG
        if form.is_valid():
            at = timezone.now()
            try:
                operations.use_code(asked["email"], form.cleaned_data["code"], client=_client(request), at=at)
            except login.TooManyAttempts as error:
                form.add_error(None, str(error))
                status = error.http_status
            except Refused as error:
                form.add_error("code", reasons.shown(error))
            else:
                member = _member_with(asked["email"])
                return _let_in(member.id) if member else _remember({**asked, "is_proven": True}, url="portal_join")
    return render(request, "loyalty/portal/code.html", {"form": form, "email": asked["email"]}, status=status)


@require_http_methods(["GET", "POST"])
@public
def join(request: HttpRequest) -> HttpResponse:
    """Asks somebody whose address is proven for a name and for consent."""
    asked = _asked(request)
    if asked is None or not asked.get("is_proven"):
        return redirect("portal_enter")
    programme = programme_queries.programme()
    name = words.name_of(programme.name, default=brand.current().name)
    wording = _(
        "I want to become a member of %(programme)s. %(shop)s may keep my purchases together with my membership,"
        " to count my points."
    ) % {"programme": name, "shop": brand.current().name}
    form = JoinForm(request.POST or None, wording=wording)
    if request.method == "POST" and form.is_valid():
        language = get_language() or "en"
        try:
            operations.introduce(
                _traits(form.cleaned_data, email=asked["email"], language=language),
                by=EnrolledBy.FORM,
                wording=wording,
                language=language,
                at=timezone.now(),
            )
            return _remember({**asked, "has_agreed": True}, url="portal_joining")
        except Invalid as error:
            form.add_error(None, reasons.shown(error))
    context = {"form": form, "email": asked["email"], "programme": name, "is_open": programme.version > 0}
    return render(request, "loyalty/portal/join.html", context, status=FORM_WRONG if form.errors else 200)


@require_GET
@public
def joining(request: HttpRequest) -> HttpResponse:
    """Makes a member of somebody who has agreed, as soon as the log knows the person; until then it asks again."""
    asked = _asked(request)
    if asked is None or not asked.get("has_agreed"):
        return redirect("portal_enter")
    try:
        customer_id = customers.find(f"email:{asked['email']}")
    except NotFound:
        return waiting(request, "loyalty/portal/joining.html")
    member = member_operations.enrol(customer_id, by=EnrolledBy.FORM, actor=audit.SYSTEM, at=timezone.now())
    return _let_in(member.id, HttpResponseClientRedirect(reverse("portal")) if _is_asking(request) else None)


def waiting(request: HttpRequest, template: str) -> HttpResponse:
    """A page that asks again by htmx, which is told nothing while there is nothing new."""
    return HttpResponse(status=204) if _is_asking(request) else render(request, template)


def _is_asking(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


@require_POST
@public
def leave(_request: HttpRequest) -> HttpResponse:
    """Ends the session of this browser."""
    response = redirect("portal_enter")
    response.delete_cookie(SESSION, path=PATH)
    return response


def _ask(said: str, *, client: str) -> HttpResponse:
    at = timezone.now()
    email = operations.parse_email(said)
    operations.mail_code(email, operations.new_code(email, client=client, at=at), at=at)
    return _remember({"email": email}, url="portal_code")


def _member_with(email: str) -> Member | None:
    try:
        customer_id = customers.find(f"email:{email}")
    except NotFound:
        return None
    return member_queries.member_of(customer_id, at=timezone.now())


def _traits(said: Mapping[str, Any], *, email: str, language: str) -> dict[str, Any]:
    """What the log is told. The address is proven; a phone is not, and names nobody until a shop has seen it."""
    traits = {
        "firstName": said["first_name"],
        "lastName": said["last_name"],
        "email": email,
        "email_verified": True,
        "language": language,
    }
    return {**traits, "stated_phone": said["phone"]} if said["phone"] else traits


def _asked(request: HttpRequest) -> dict[str, Any] | None:
    try:
        asked: dict[str, Any] = signing.loads(request.COOKIES.get(ASKED, ""), salt=ASKED, max_age=ASKED_SECONDS)
    except signing.BadSignature:
        return None
    return asked


def _remember(asked: Mapping[str, Any], *, url: str) -> HttpResponse:
    response = redirect(url)
    _set_cookie(response, ASKED, signing.dumps(dict(asked), salt=ASKED), seconds=ASKED_SECONDS)
    return response


def _let_in(member_id: int, response: HttpResponse | None = None) -> HttpResponse:
    response = response or redirect("portal")
    session = operations.begin_session(member_id, at=timezone.now())
    _set_cookie(response, SESSION, session, seconds=int(operations.SESSION_LIFETIME.total_seconds()))
    response.delete_cookie(ASKED, path=PATH)
    return response


def _set_cookie(response: HttpResponse, name: str, value: str, *, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=PATH,
        secure=bool(django_settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def _language(request: HttpRequest, member: Member) -> str:
    """What was chosen in this browser, else what the member prefers, else what the browser asks for."""
    known = dict(django_settings.LANGUAGES)
    chosen = request.COOKIES.get(django_settings.LANGUAGE_COOKIE_NAME, "")
    if chosen in known:
        return chosen
    trait = customers.customer(member.customer_id).traits.get("language")
    preferred = str(trait.value)[:2].lower() if trait else ""
    return preferred if preferred in known else (get_language() or "en")


def _client(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")
