"""Weekly briefings: reading this week's and earlier ones, and saying who gets them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from sadakat.analytics import briefing_words, goal_words, letters
from sadakat.analytics.operations import briefings as operations
from sadakat.analytics.queries import briefings as queries
from sadakat.analytics.types.goals import Briefing, Department
from sadakat.analytics.web import goals
from sadakat.platform import access, brand, mail
from sadakat.platform.access import Permission
from sadakat.platform.models import User
from sadakat.platform.ui import parts


class ReadersForm(forms.Form):
    """Who gets the briefing of a department."""

    readers = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Readers"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["readers"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(person.pk, person.name) for person in queries.possible_readers()]


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def briefings(request: HttpRequest) -> HttpResponse:
    """The latest week of one department, those before, and who gets them."""
    department = _department(request)
    day = brand.current().day(timezone.now())
    one = queries.briefing(department, week_start=queries.week_of(day).start)
    return _page(request, one)


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def briefing(request: HttpRequest, briefing_id: int) -> HttpResponse:
    """A stored briefing, with the figures of its moment."""
    return _page(request, queries.stored_briefing(briefing_id))


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def pdf(request: HttpRequest, briefing_id: int) -> HttpResponse:  # noqa: ARG001 - as every view
    """A stored briefing as a PDF, in the reader's language."""
    one = queries.stored_briefing(briefing_id)
    headers = {
        "Content-Type": "application/pdf",
        "Content-Disposition": f'attachment; filename="{letters.briefing_file(one)}"',
    }
    return HttpResponse(letters.briefing_pdf(one), headers=headers)


@require_POST
@access.requires(Permission.MANAGE_GOALS)
def write(request: HttpRequest) -> HttpResponse:
    """Keeps the latest week of a department as it stands now."""
    at = timezone.now()
    week = queries.week_of(brand.current().day(at))
    one = operations.write_briefing(
        department=request.POST.get("department", ""),
        week_start=week.start,
        actor=access.actor_of(request.user),
        at=at,
    )
    messages.success(request, _("The briefing is kept; its figures do not change any more."))
    assert one.id is not None
    return redirect("briefing", briefing_id=one.id)


@require_POST
@access.requires(Permission.MANAGE_GOALS)
def readers(request: HttpRequest) -> HttpResponse:
    """Says who gets the briefing of a department."""
    form = ReadersForm(request.POST)
    if form.is_valid():
        operations.choose_readers(
            department=request.POST.get("department", ""),
            user_ids=form.cleaned_data["readers"],
            actor=access.actor_of(request.user),
            at=timezone.now(),
        )
        messages.success(request, _("Saved. New readers get their first briefing next Monday."))
    else:
        messages.error(request, _("Somebody chosen is not in the team any more."))
    return redirect(f"{reverse('briefings')}?department={_department(request)}")


def _page(request: HttpRequest, one: Briefing) -> HttpResponse:
    assert isinstance(request.user, User)
    context = {
        "one": one,
        "told": briefing_words.told(one),
        "tabs": goals.tabs("briefings"),
        "departments": parts.tabs(
            "department",
            goal_words.DEPARTMENTS,
            current=one.department,
            url=lambda each: f"{reverse('briefings')}?department={each}",
        ),
        "past": [
            (each.id, briefing_words.week_text(each.week_start), each.sent_to)
            for each in queries.briefings(one.department)
        ],
        "form": ReadersForm(initial={"readers": sorted(queries.readers(one.department))}),
        "may_change": access.may(request.user, Permission.MANAGE_GOALS),
        "has_mail": mail.is_configured(),
    }
    return render(request, "analytics/briefing.html", context)


def _department(request: HttpRequest) -> Department:
    """The department of the address or form; nonsense means the management."""
    wanted = (request.POST or request.GET).get("department", "")
    return Department(wanted) if wanted in list(Department) else Department.MANAGEMENT
