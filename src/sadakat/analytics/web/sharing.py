"""Links to reports for people without a log-in: making, listing and ending them."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.analytics.operations import sharing as operations
from sadakat.analytics.types.goals import SharedReport
from sadakat.analytics.web import shared
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, brand, settings
from sadakat.platform.access import Permission
from sadakat.platform.ui import parts, reasons

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Report")),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("Views"), is_numeric=True),
    parts.Column(label=gettext_lazy("Last seen")),
    parts.Column(label=gettext_lazy("Made by")),
    parts.Column(label=gettext_lazy("Change")),
]


class ShareForm(forms.Form):
    """How a report is shared."""

    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=operations.MAX_TITLE_LENGTH,
        help_text=gettext_lazy("Whoever has the link reads it."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=[("en", "English"), ("tr", "Türkçe")])
    days = forms.TypedChoiceField(
        label=gettext_lazy("Ends after"),
        coerce=int,
        initial=30,
        choices=[(n, ngettext_lazy("%(n)s day", "%(n)s days", n) % {"n": n}) for n in operations.LIFETIMES_DAYS],
    )


@require_GET
@access.requires(Permission.MANAGE_GOALS)
def links(request: HttpRequest) -> HttpResponse:
    """Every link, with how often it was opened."""
    at = timezone.now()
    table = parts.short_table(
        request,
        caption=_("Shared reports"),
        columns=_COLUMNS,
        rows=[
            _row(each, number=number, is_over=each.expires_at <= at) for number, each in enumerate(operations.links())
        ],
        empty=parts.Empty(
            icon="link",
            title=_("Nothing is shared"),
            text=_("A link shows one report to whoever has it, without a log-in and without names of customers."),
        ),
    )
    return render(request, "analytics/links.html", {"table": table, "zone": brand.current().zone})


@never_cache
@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_GOALS)
def share(request: HttpRequest) -> HttpResponse:
    """Makes a link to the report that the address names, and shows it once."""
    report = request.GET.get("report", "figures")
    parameters = {name: text for name, text in request.GET.items() if name != "report"}
    here = brand.current()
    initial = {"title": shared.title_of(report, parameters), "language": get_language()}
    form = ShareForm(request.POST or None, initial=initial)
    link = ""
    if request.method == "POST" and form.is_valid():
        try:
            _link_id, token = operations.create_link(
                report=report,
                parameters=parameters,
                **form.cleaned_data,
                actor=access.actor_of(request.user),
                at=timezone.now(),
            )
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            link = settings.current().base_url + reverse("shared_report", args=[token])
    context = {"form": form, "link": link, "brand_name": here.name}
    return render(request, "analytics/share.html", context, status=422 if form.errors else 200)


@require_POST
@access.requires(Permission.MANAGE_GOALS)
def revoke(request: HttpRequest, link_id: int) -> HttpResponse:
    """Ends a link."""
    operations.revoke_link(link_id=link_id, actor=access.actor_of(request.user), at=timezone.now())
    messages.success(request, _("The link has ended."))
    return redirect("links")


def _row(one: SharedReport, *, number: int, is_over: bool) -> dict[str, Any]:
    if one.revoked_at is not None:
        word, tone = _("revoked"), "off"
    else:
        word, tone = (_("ended"), "off") if is_over else (_("open"), "good")
    return {"link": one, "state": word, "tone": tone, "is_open": tone == "good", "dialog": f"revoke-{number}"}
