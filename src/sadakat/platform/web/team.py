"""The team: who is in it, in which role, and how they get in."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, brand, login, operations, queries
from sadakat.platform.access import Permission
from sadakat.platform.models import User
from sadakat.platform.ui import parts
from sadakat.platform.web import forms

COLUMNS = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("E-mail address")),
    parts.Column(label=gettext_lazy("Role")),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("Last log-in")),
]


@require_GET
@access.requires(Permission.MANAGE_TEAM)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, those who may not come in any more at the end."""
    rows = [(person, _role(person)) for person in queries.team()]
    table = parts.table(
        request,
        caption=_("Team"),
        columns=COLUMNS,
        rows=rows,
        total=len(rows),
        page_size=queries.TEAM_MAX,
        ask=parts.Asked("", 1),
        empty=parts.Empty(icon="users", title=_("Nobody is in the team yet")),
    )
    return render(request, "platform/team.html", {"table": table, "zone": brand.current().zone})


@access.requires(Permission.MANAGE_TEAM)
def new(request: HttpRequest) -> HttpResponse:
    """Adds somebody."""
    form = forms.NewPerson(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person = operations.create_user(**form.cleaned_data, actor=access.actor_of(request.user), at=timezone.now())
        except SadakatError as error:
            form.add_error("email", str(error))
        else:
            messages.success(
                request, _("%(name)s is in the team. Now make a log-in link for them.") % {"name": person.name}
            )
            return redirect("team_person", user_id=person.pk)
    return render(request, "platform/team_new.html", {"form": form}, status=422 if form.errors else 200)


@access.requires(Permission.MANAGE_TEAM)
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """One person: name and role, log-in link, and the way out."""
    whom = _person(user_id)
    form = forms.Person(request.POST or None, initial={"name": whom.name, "role": whom.role})
    if request.method == "POST" and form.is_valid():
        by, at = access.actor_of(request.user), timezone.now()
        try:
            operations.change_role(user_id=user_id, role=form.cleaned_data["role"], actor=by, at=at)
            operations.change_name(user_id=user_id, name=form.cleaned_data["name"], actor=by, at=at)
        except SadakatError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("team_person", user_id=user_id)
    return _page(request, whom, form=form)


@require_POST
@never_cache
@access.requires(Permission.MANAGE_TEAM)
def link(request: HttpRequest, user_id: int) -> HttpResponse:
    """Makes a log-in link and shows it once."""
    whom = _person(user_id)
    try:
        address = login.log_in_link(
            whom,
            at=timezone.now(),
            actor=access.actor_of(request.user),
            base_url=f"{request.scheme}://{request.get_host()}",
        )
    except SadakatError as error:
        messages.error(request, str(error))
        return redirect("team_person", user_id=user_id)
    return _page(request, whom, link=address)


@require_POST
@access.requires(Permission.MANAGE_TEAM)
def deactivate(request: HttpRequest, user_id: int) -> HttpResponse:
    """Shuts somebody out."""
    try:
        operations.deactivate_user(user_id=user_id, actor=access.actor_of(request.user), at=timezone.now())
        messages.success(request, _("%(name)s cannot come in any more.") % {"name": _person(user_id).name})
    except SadakatError as error:
        messages.error(request, str(error))
    return redirect("team_person", user_id=user_id)


@require_POST
@access.requires(Permission.MANAGE_TEAM)
def reactivate(request: HttpRequest, user_id: int) -> HttpResponse:
    """Lets somebody in again."""
    operations.reactivate_user(user_id=user_id, actor=access.actor_of(request.user), at=timezone.now())
    messages.success(request, _("%(name)s may come in again.") % {"name": _person(user_id).name})
    return redirect("team_person", user_id=user_id)


def _page(request: HttpRequest, whom: User, *, form: forms.Person | None = None, link: str = "") -> HttpResponse:
    form = form or forms.Person(initial={"name": whom.name, "role": whom.role})
    context = {
        "person": whom,
        "form": form,
        "link": link,
        "deactivate_url": reverse("team_deactivate", args=[whom.pk]),
        "ask": _("Shut %(name)s out?") % {"name": whom.name},
    }
    return render(request, "platform/team_person.html", context, status=422 if form.errors else 200)


def _person(user_id: int) -> User:
    found = User.objects.filter(id=user_id).first()
    if found is None:
        raise Http404
    return found


def _role(person: User) -> str:
    return str(access.ROLE_LABELS[access.Role(person.role)])
