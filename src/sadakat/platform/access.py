"""Who may do what: roles, permissions and the gate in front of each view."""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Concatenate, Final, ParamSpec

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from sadakat.platform import audit
from sadakat.platform.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


class Role(StrEnum):
    """What somebody does in the team; each person has exactly one."""

    OWNER = "owner"
    MARKETER = "marketer"
    LOYALTY_MANAGER = "loyalty_manager"
    SUPPORT = "support"
    ANALYST = "analyst"


class Permission(StrEnum):
    """A right that a page or an endpoint asks for."""

    VIEW_CUSTOMERS = "view_customers"
    VIEW_ANALYTICS = "view_analytics"
    EXPORT = "export"
    EDIT_CUSTOMERS = "edit_customers"
    IMPORT = "import"
    MANAGE_SPEND = "manage_spend"
    MANAGE_SEGMENTS = "manage_segments"
    MANAGE_PREDICTIONS = "manage_predictions"
    MANAGE_GOALS = "manage_goals"
    MANAGE_LOYALTY = "manage_loyalty"
    USE_TILL = "use_till"
    MANAGE_SOURCES = "manage_sources"
    MANAGE_KEYS = "manage_keys"
    VIEW_AUDIT = "view_audit"
    MANAGE_TEAM = "manage_team"


_READS: Final = {Permission.VIEW_CUSTOMERS, Permission.VIEW_ANALYTICS, Permission.EXPORT}
_PLANS: Final = {Permission.MANAGE_SEGMENTS, Permission.MANAGE_PREDICTIONS, Permission.MANAGE_GOALS}
GRANTS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.MARKETER: frozenset(
        _READS
        | _PLANS
        | {Permission.EDIT_CUSTOMERS, Permission.IMPORT, Permission.MANAGE_SOURCES, Permission.MANAGE_SPEND}
    ),
    Role.LOYALTY_MANAGER: frozenset(
        _READS | _PLANS | {Permission.EDIT_CUSTOMERS, Permission.IMPORT, Permission.MANAGE_LOYALTY, Permission.USE_TILL}
    ),
    Role.SUPPORT: frozenset({Permission.VIEW_CUSTOMERS, Permission.EDIT_CUSTOMERS, Permission.USE_TILL}),
    Role.ANALYST: frozenset(_READS | {Permission.MANAGE_SEGMENTS, Permission.MANAGE_PREDICTIONS}),
}
"""Which rights come with which role."""

ROLE_LABELS: Final[dict[Role, Promise]] = {
    Role.OWNER: _("Owner"),
    Role.MARKETER: _("Marketer"),
    Role.LOYALTY_MANAGER: _("Loyalty manager"),
    Role.SUPPORT: _("Support"),
    Role.ANALYST: _("Analyst"),
}
PERMISSION_LABELS: Final[dict[Permission, Promise]] = {
    Permission.VIEW_CUSTOMERS: _("See customers"),
    Permission.VIEW_ANALYTICS: _("See figures"),
    Permission.EXPORT: _("Export data"),
    Permission.EDIT_CUSTOMERS: _("Merge and separate customers"),
    Permission.IMPORT: _("Import files"),
    Permission.MANAGE_SPEND: _("Record marketing spend and currency rates"),
    Permission.MANAGE_SEGMENTS: _("Make segments"),
    Permission.MANAGE_PREDICTIONS: _("Train predictions"),
    Permission.MANAGE_GOALS: _("Set goals, share reports, edit the journey map"),
    Permission.MANAGE_LOYALTY: _("Run the loyalty programme"),
    Permission.USE_TILL: _("Enrol and redeem at the till"),
    Permission.MANAGE_SOURCES: _("Manage sources"),
    Permission.MANAGE_KEYS: _("Manage API keys"),
    Permission.VIEW_AUDIT: _("See the audit log"),
    Permission.MANAGE_TEAM: _("Manage the team"),
}


def may(user: User | AnonymousUser, permission: Permission) -> bool:
    """Whether `user` is logged in, active and in a role that carries `permission`."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.role in list(Role) and permission in GRANTS[Role(user.role)]


def actor_of(user: User | AnonymousUser) -> audit.Actor:
    """The name under which the audit log knows `user`, who is logged in."""
    assert isinstance(user, User)
    return audit.Actor(f"user:{user.id}", user.name)


def requires(permission: Permission) -> Callable[[View[P]], View[P]]:
    """Lets only those through to a view who hold `permission`.

    Without a log-in the answer leads to the log-in page and back; without the right it is 403 and says who can help.
    """

    def gate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return to_login(request)
            if not may(request.user, permission):
                label = PERMISSION_LABELS[permission]
                return render(request, "platform/forbidden.html", {"permission": label}, status=403)
            return view(request, *args, **kwargs)

        return guarded

    return gate


def requires_login(view: View[P]) -> View[P]:
    """Lets everybody through to a view who is logged in, whatever the role."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return view(request, *args, **kwargs) if request.user.is_authenticated else to_login(request)

    return guarded


def to_login(request: HttpRequest) -> HttpResponse:
    """Leads to the log-in page and from there back to where `request` was going."""
    if getattr(request, "htmx", False):
        # A redirect would put the log-in page inside a fragment of the page; htmx is told to leave it instead.
        return HttpResponseClientRedirect(resolve_url("login"))
    return redirect_to_login(request.get_full_path())
