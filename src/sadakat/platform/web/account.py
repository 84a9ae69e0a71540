"""Getting in and out, and what everybody may change of themselves."""

from django.contrib import auth, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from sadakat.kernel.errors import Refused, SadakatError
from sadakat.platform import access, brand, login, operations, settings
from sadakat.platform.models import User
from sadakat.platform.web import forms

FORM_WRONG = 422


@never_cache
@require_http_methods(["GET", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """Asks for e-mail address and password, and leads on to where the person was going."""
    target = request.POST.get("next") or request.GET.get("next", "")
    if request.user.is_authenticated:
        return redirect(_safe(request, target))
    form = forms.LogIn(request.POST or None, initial={"next": target})
    if request.method != "POST":
        return render(request, "platform/login.html", {"form": form})
    status = FORM_WRONG
    if form.is_valid():
        try:
            user = login.check_password(
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
                address=_address(request),
                at=timezone.now(),
            )
        except Refused as error:
            form.add_error(None, str(error))
            status = error.http_status
        else:
            auth.login(request, user, backend=login.BACKEND)
            return redirect(_safe(request, target))
    return render(request, "platform/login.html", {"form": form}, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
def log_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Says whom the link lets in, and lets them in when they press the button.

    Opening the address alone uses nothing up: mail scanners and the previews of chat programs open it too.
    """
    at = timezone.now()
    try:
        if request.method != "POST":
            return render(request, "platform/link.html", {"person": login.user_of_link(token, at=at)})
        user = login.redeem_link(token, at=at)
    except login.DeadLink as error:
        return render(request, "platform/link.html", {"error": str(error)}, status=error.http_status)
    auth.login(request, user, backend=login.BACKEND)
    # The demo is entered by links alone; everybody else needs a password for the next time.
    return redirect("home" if user.has_usable_password() or brand.current().is_demo else "account")


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """Ends the session."""
    auth.logout(request)
    return redirect("login")


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Switches the language of this browser and, for somebody who is logged in, of their console everywhere."""
    language = request.POST.get("language", "")
    response = redirect(_safe(request, request.headers.get("Referer", "")))
    if language not in settings.LANGUAGES:
        return response
    if isinstance(request.user, User):
        _change_language(request.user, language)
    _remember_language(response, language)
    return response


@access.requires_login
def account(request: HttpRequest) -> HttpResponse:
    """The person's own name and language, and the way to a new password."""
    user = _me(request)
    form = forms.Account(request.POST or None, initial={"name": user.name, "language": user.language})
    if request.method != "POST" or not form.is_valid():
        return _account(request, form=form)
    language = form.cleaned_data["language"]
    try:
        operations.change_name(
            user_id=user.id, name=form.cleaned_data["name"], actor=access.actor_of(user), at=timezone.now()
        )
    except SadakatError as error:
        form.add_error("name", str(error))
        return _account(request, form=form)
    _change_language(user, language)
    with override(language or settings.current().language):
        messages.success(request, _("Saved."))
    response = redirect("account")
    if language:
        _remember_language(response, language)
    return response


@require_POST
@access.requires_login
def password(request: HttpRequest) -> HttpResponse:
    """Sets a new password; this session goes on, all others end."""
    user = _me(request)
    form = forms.NewPassword(request.POST, has_old=user.has_usable_password())
    if form.is_valid():
        at = timezone.now()
        try:
            if "old" in form.fields:
                login.check_password(
                    email=user.email, password=form.cleaned_data["old"], address=_address(request), at=at
                )
        except login.WrongCredentials:
            form.add_error("old", _("This is not your present password."))
        except login.TooManyAttempts as error:
            form.add_error("old", str(error))
        else:
            try:
                operations.set_password(
                    user_id=user.id, password=form.cleaned_data["new"], actor=access.actor_of(user), at=at
                )
            except SadakatError as error:
                form.add_error("new", str(error))
    if form.errors:
        return _account(request, password=form)
    user.refresh_from_db()
    auth.update_session_auth_hash(request, user)
    messages.success(request, _("Your password has been changed; your other sessions have ended."))
    return redirect("account")


def _account(request: HttpRequest, *, form: Form | None = None, password: Form | None = None) -> HttpResponse:
    user = _me(request)
    shown = form or forms.Account(initial={"name": user.name, "language": user.language})
    context = {
        "form": shown,
        "password": password or forms.NewPassword(has_old=user.has_usable_password()),
        "has_password": user.has_usable_password(),
        "role": access.ROLE_LABELS[access.Role(user.role)],
    }
    is_wrong = shown.errors or (password is not None and password.errors)
    return render(request, "platform/account.html", context, status=FORM_WRONG if is_wrong else 200)


def _me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _change_language(user: User, language: str) -> None:
    operations.change_language(user_id=user.id, language=language, actor=access.actor_of(user), at=timezone.now())


def _remember_language(response: HttpResponse, language: str) -> None:
    from django.conf import settings as django_settings

    response.set_cookie(
        django_settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        secure=bool(django_settings.LANGUAGE_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")


def _safe(request: HttpRequest, target: str) -> str:
    """`target` if it is a page of ours, else home."""
    hosts = {request.get_host()}
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts=hosts, require_https=request.is_secure())
    return target if is_ours else resolve_url("home")
