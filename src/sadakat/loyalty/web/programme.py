"""The programme: what it says, as sentences and as a file, its versions, and putting a changed one into force."""

import difflib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.kernel.errors import Conflict, Invalid, SadakatError
from sadakat.loyalty.operations import programme as operations
from sadakat.loyalty.queries import members
from sadakat.loyalty.queries import programme as programmes
from sadakat.loyalty.queries.replay import replay
from sadakat.loyalty.rules.programme import DEFAULT, as_json, read
from sadakat.loyalty.types import Programme, Replay
from sadakat.loyalty.web import telling, words
from sadakat.loyalty.web.pages import compared, may_manage, tabs, whole_amounts
from sadakat.loyalty.web.programme_forms import FileForm
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts, reasons

SHOWN_VERSIONS: Final = 10
REPLAYED_DAYS: Final = 28
_WHAT_IF: Final = [
    parts.Column(label=gettext_lazy("Figure")),
    parts.Column(label=gettext_lazy("Now"), is_numeric=True),
    parts.Column(label=gettext_lazy("With the change"), is_numeric=True),
    parts.Column(label=gettext_lazy("Difference"), is_numeric=True),
]


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def programme(request: HttpRequest) -> HttpResponse:
    """What the programme says, and who has changed it."""
    here, held, names = brand.current(), programmes.programme(), telling.segment_names()
    if not held.version:
        return redirect("loyalty")
    return render(
        request,
        "loyalty/programme.html",
        {
            "tabs": tabs(request, "programme"),
            "name": words.name_of(held.name),
            "programme": held,
            "topics": telling.told(held, currency=here.currency, names=names),
            "versions": _versions(names),
            "file_form": FileForm(),
            "may_manage": may_manage(request),
        },
    )


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def download(request: HttpRequest) -> HttpResponse:
    """The programme as a file; `?version=` one of before."""
    held = _version(request.GET.get("version", "")) or programmes.programme()
    name = f"programme-{held.version}.json"
    return HttpResponse(
        as_text(held),
        headers={"Content-Type": "application/json", "Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_LOYALTY)
def preview(request: HttpRequest) -> HttpResponse:
    """What an uploaded programme would change; `?default=1` the built-in one, `?version=` one of before."""
    if request.method == "GET":
        earlier = _version(request.GET.get("version", ""))
        return shown(request, as_json(earlier) if earlier else DEFAULT)
    form = FileForm(request.POST, request.FILES)
    try:
        if not form.is_valid():
            raise Invalid("choose a file first")
        return shown(request, form.document())
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
        return redirect("programme")


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def apply(request: HttpRequest) -> HttpResponse:
    """Puts a programme into force that was previewed, unless somebody else has changed it meanwhile."""
    try:
        document = read(request.POST.get("document", ""))
        held = operations.apply_programme(
            document, actor=access.actor_of(request.user), at=timezone.now(), expected_version=opened_version(request)
        )
    except Conflict:
        messages.warning(request, _("Somebody has changed the programme meanwhile. Look again at what changes."))
        return shown(request, document)
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
        return redirect("programme")
    messages.success(request, _("Version %(n)s of the programme is in force.") % {"n": formats.number(held.version)})
    return redirect("programme")


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def what_if(request: HttpRequest) -> HttpResponse:
    """What a previewed programme would have given for the orders of the last weeks, beside the one that holds."""
    here, held = brand.current(), programmes.programme()
    until = here.day(timezone.now())
    span = {"since": until - timedelta(days=REPLAYED_DAYS), "until": until}
    try:
        then = replay(read(request.POST.get("document", "")), **span)
    except SadakatError as error:
        # A fragment is put where it belongs only if all went well.
        return render(request, "loyalty/_what_if.html", {"fault": reasons.shown(error)})
    now = replay(as_json(held), **span) if held.version else None
    context = {
        "table": _tried(request, now, then, currency=here.currency),
        "customers": then.customers,
        "orders": then.orders,
        "days": telling.days(span["since"], until - timedelta(days=1)),
    }
    return render(request, "loyalty/_what_if.html", context)


def opened_version(request: HttpRequest) -> int:
    """The version of the programme that a form was opened with; below 0: it says none."""
    said = request.POST.get("version", "")
    return int(said) if _is_number(said) else -1


def shown(request: HttpRequest, document: Mapping[str, Any], *, expected_version: int | None = None) -> HttpResponse:
    """The page that says what `document` would change and offers to put it into force.

    Raises:
        Conflict: it was made from another version than the one that holds.
        Invalid: it is no programme.
    """
    here, at = brand.current(), timezone.now()
    new = operations.apply_programme(
        document, actor=access.actor_of(request.user), at=at, expected_version=expected_version, dry_run=True
    )
    held = programmes.programme()
    came, went = telling.changes(held, new, currency=here.currency) if held.version else ([], [])
    return render(
        request,
        "loyalty/preview.html",
        {
            "held": held,
            "came": came,
            "went": went,
            "topics": telling.told(new, currency=here.currency),
            "lines": _lines(held, new) if held.version else [],
            "document": as_text(new),
            "members": members.member_count(),
            "replayed_days": REPLAYED_DAYS,
            "back": reverse("programme") if held.version else reverse("loyalty"),
        },
    )


def as_text(programme: Programme) -> str:
    """The file of a programme."""
    return json.dumps(as_json(programme), ensure_ascii=False, indent=2)


def _tried(request: HttpRequest, now: Replay | None, then: Replay, *, currency: str) -> parts.Table:
    """Figure by figure what the programme that holds and a changed one give; without the former, the latter alone."""

    def row(label: str, value: Callable[[Replay], float | None], show: Callable[[Any], str]) -> dict[str, str]:
        return compared(label, value(then), value(now) if now else None, show)

    return parts.short_table(
        request,
        caption=_("What it would have given"),
        columns=_WHAT_IF,
        rows=[
            row(_("Points"), lambda each: each.points, formats.number),
            row(_("Worth at checkout"), lambda each: each.worth_minor, whole_amounts(currency)),
            row(
                _("Share of what counts of the orders"),
                lambda each: each.worth_minor / each.basis_minor if each.basis_minor else None,
                formats.percent,
            ),
        ]
        if then.orders
        else [],
        empty=parts.Empty(icon="receipt", title=_("Nobody has ordered in these weeks")),
    )


def _lines(old: Programme, new: Programme) -> list[tuple[str, str]]:
    """The lines of the file that come (+) and go (-)."""
    compared = difflib.ndiff(as_text(old).splitlines(), as_text(new).splitlines())
    return [(line[0], line[2:].strip()) for line in compared if line[0] in "+-"]


def _version(said: str) -> Programme | None:
    return programmes.programme_version(int(said)) if _is_number(said) else None


def _is_number(said: str) -> bool:
    return said.isascii() and said.isdecimal() and len(said) < 10


def _versions(names: telling.Names) -> list[dict[str, Any]]:
    """The latest versions, newest first, each with what it brought and took away."""
    currency = brand.current().currency
    found = programmes.versions(limit=SHOWN_VERSIONS + 1)
    rows = []
    for place, each in enumerate(found[:SHOWN_VERSIONS]):
        before = found[place + 1] if place + 1 < len(found) else None
        came, went = telling.changes(before, each, currency=currency, names=names) if before else ([], [])
        rows.append({"programme": each, "came": came, "went": went, "is_first": before is None})
    return rows
