"""The list of segments, and the page of each: its rule in words, who is in it, and how it came to be so."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from sadakat.customers import api as customers
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.brand import Brand
from sadakat.platform.ui import charts, export, formats, parts, reasons
from sadakat.segments import api as segments
from sadakat.segments import exporting, queries
from sadakat.segments.types import Kind, Segment
from sadakat.segments.web import inputs, words
from sadakat.segments.web.building import pretty

MEMBERS_A_PAGE: Final = 50
SPARK_DAYS: Final = 30
SHOWN_DAYS: Final = 90
SHOWN_MOVES: Final = 10
COMPARED: Final = 6

_OWN_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Kind")),
    parts.Column(label=gettext_lazy("Last 30 days")),
    parts.Column(label=gettext_lazy("Customers"), is_numeric=True),
    parts.Column(label=gettext_lazy("State")),
]
_GROUP_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Last 30 days")),
    parts.Column(label=gettext_lazy("Share"), is_numeric=True),
    parts.Column(label=gettext_lazy("Customers"), is_numeric=True),
]
_MEMBER_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("In it since")),
    parts.Column(label=gettext_lazy("May leave by time alone")),
]
_LISTED_COLUMNS: Final = [*_MEMBER_COLUMNS[:2], parts.Column(label="")]
_MOVE_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Customer")),
    parts.Column(label=gettext_lazy("Way")),
    parts.Column(label=gettext_lazy("Because of")),
    parts.Column(label=gettext_lazy("When")),
]
_OVERLAP_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Segment")),
    parts.Column(label=gettext_lazy("In both"), is_numeric=True),
    parts.Column(label=gettext_lazy("Share"), is_numeric=True),
]


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def all_segments(request: HttpRequest) -> HttpResponse:
    """Those that people have made, then the groups that Sadakat keeps; `?part=own` is the former alone."""
    is_archive, is_part = request.GET.get("show") == "archived", request.GET.get("part") == "own"
    found = segments.segments(include_archived=True, group="" if is_part else None)
    every = [each for each in found if each.is_archived is is_archive]
    own = [each for each in every if not each.group]
    context: dict[str, Any] = {
        "own": parts.short_table(
            request,
            caption=_("Segments"),
            columns=_OWN_COLUMNS,
            rows=_rows(own),
            empty=_no_segments(is_archive=is_archive),
        ),
        "is_filling": not is_archive and any(not each.is_ready for each in own),
    }
    if is_part:
        return render(request, "segments/_own.html", context)
    context |= {
        "groups": [
            {
                "name": segments.group_name(group),
                "id": group,
                "table": _group_table(request, [each for each in every if each.group == group]),
            }
            for group in segments.in_order({each.group for each in every if each.group})
        ],
        "tabs": parts.tabs(
            "show",
            {"live": _("In use"), "archived": _("Archived")},
            current="archived" if is_archive else "live",
            url=lambda show: f"?show={show}",
        ),
        "may_manage": access.may(request.user, Permission.MANAGE_SEGMENTS),
    }
    return render(request, "segments/segments.html", context)


def _rows(found: Sequence[Segment]) -> list[dict[str, Any]]:
    since = timezone.now() - timedelta(days=SPARK_DAYS)
    everybody = sum(each.size for each in found)
    histories = segments.size_histories([each.id for each in found], since=brand.current().day(since))
    names = segments.names_of(found)
    rows = []
    for each in found:
        sizes = [point.size for point in histories[each.id]]
        rows.append(
            {
                "segment": each,
                "name": names[each.key],
                "kind": _("List") if each.kind is Kind.LIST else _("Rule"),
                "spark": charts.sparkline(sizes) if len(sizes) > 1 else "",
                "share": each.size / everybody if everybody else None,
            }
        )
    return rows


def _group_table(request: HttpRequest, found: Sequence[Segment]) -> parts.Table:
    rows = _rows(sorted(found, key=lambda each: each.rank))
    empty = parts.Empty(icon="users", title=_("Nobody yet"))
    return parts.short_table(
        request, caption=segments.group_name(found[0].group), columns=_GROUP_COLUMNS, rows=rows, empty=empty
    )


def _no_segments(*, is_archive: bool) -> parts.Empty:
    if is_archive:
        return parts.Empty(icon="archive", title=_("Nothing is archived"))
    return parts.Empty(
        icon="funnel",
        title=_("No segments yet"),
        text=_("Say who belongs together, such as customers who ordered three times in the last 90 days."),
        url=reverse("new_segment"),
        verb=_("New segment"),
    )


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def segment(request: HttpRequest, key: str) -> HttpResponse:
    """One segment; `?part=now` is its size alone."""
    found, here, now = segments.segment_named(key), brand.current(), timezone.now()
    size = {"segment": found, "filled": round(found.filled_ratio * 100)}
    if request.GET.get("part") == "now":
        return render(request, "segments/_now.html", size)
    every = segments.segments()
    offer = inputs.Offer(vocabulary=segments.vocabulary(), segments=every, here=here)
    is_own = not found.group
    may_manage = access.may(request.user, Permission.MANAGE_SEGMENTS)
    context = {
        **size,
        "name": segments.name_of(found),
        "note": found.description or (segments.group_name(found.group) if found.group else ""),
        "is_list": found.kind is Kind.LIST,
        "said": offer.speaker.rule(found.where) if found.where else None,
        "json": pretty(found.where) if found.where else "",
        "chart": _sizes(found, here=here, at=now),
        "members": _members(request, found),
        "versions": _versions(found, offer.speaker),
        "overlap": _overlap(request, found, every),
        "moves": _moves(request, found),
        "may_edit": may_manage and is_own and not found.is_archived,
        "may_manage": may_manage,
        "is_own": is_own,
        "now": now,
    }
    return render(request, "segments/segment.html", context)


def _sizes(found: Segment, *, here: Brand, at: datetime) -> charts.Chart | None:
    points = segments.size_history(found.key, since=here.day(at) - timedelta(days=SHOWN_DAYS))
    if len(points) < 2:
        return None
    return charts.line(
        title=_("Customers by day"),
        label_name=_("Day"),
        labels=[formats.day_month(point.day) for point in points],
        series=[charts.Series(_("Customers"), [point.size for point in points])],
        show=formats.number,
        show_tick=formats.compact,
    )


def _members(request: HttpRequest, found: Segment) -> dict[str, Any]:
    """A page of the members by customer id, and the way to the next one."""
    said = request.GET.get("after", "")
    after = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0
    page = segments.members(found.key, after=after, limit=MEMBERS_A_PAGE + 1)
    shown = page[:MEMBERS_A_PAGE]
    names = {row.id: row.name for row in customers.customer_rows([each.customer_id for each in shown])}
    table = parts.short_table(
        request,
        caption=_("Members"),
        columns=_LISTED_COLUMNS if found.kind is Kind.LIST else _MEMBER_COLUMNS,
        rows=[{"member": each, "name": names.get(each.customer_id, "")} for each in shown],
        empty=parts.Empty(icon="users", title=_("Nobody is in it now")),
    )
    return {
        "table": table,
        "next_url": f"?after={shown[-1].customer_id}" if len(page) > MEMBERS_A_PAGE else "",
        "first_url": "?" if after else "",
        "export_url": reverse("export_segment", args=[found.key])
        if shown and access.may(request.user, Permission.EXPORT)
        else "",
    }


def _versions(found: Segment, speaker: words.Speaker) -> list[dict[str, Any]]:
    """The versions of the rule, newest first, each with the sentences that it added and took away."""
    versions = segments.versions(found.key)[::-1]
    told: list[dict[str, Any]] = []
    before: list[str] = []
    for version in versions:
        said = list(_sentences(speaker.rule(version.where)))
        told.append(
            {
                "version": version,
                "added": [text for text in said if text not in before],
                "removed": [text for text in before if text not in said],
            }
        )
        before = said
    return told[::-1]


def _sentences(said: words.Said) -> Iterable[str]:
    yield said.text
    for part in said.parts:
        yield from _sentences(part)


def _overlap(request: HttpRequest, found: Segment, every: Sequence[Segment]) -> parts.Table:
    """How many are in others too: in the largest that people have made, and in one that the address names."""
    others = {each.key: each for each in every if each.key != found.key and each.is_ready}
    asked = request.GET.get("beside", "")
    own = sorted((each for each in others.values() if not each.group), key=lambda each: -each.size)
    keys = [asked] if asked in others else [each.key for each in own[:COMPARED]]
    rows = [
        {
            "segment": others[one.key],
            "name": segments.name_of(others[one.key]),
            "both": one.both,
            "share": one.both / found.size if found.size else None,
        }
        for one in segments.overlap(found.key, keys)
    ]
    return parts.short_table(
        request,
        caption=_("Overlap with other segments"),
        columns=_OVERLAP_COLUMNS,
        rows=rows,
        empty=parts.Empty(icon="blend", title=_("There is no other segment yet")),
    )


def _moves(request: HttpRequest, found: Segment) -> parts.Table:
    latest = queries.movements(found.key, limit=SHOWN_MOVES)
    names = {row.id: row.name for row in customers.customer_rows([each.customer_id for each in latest])}
    rows = [
        {
            "move": each,
            "name": names.get(each.customer_id, ""),
            "way": (_("came in"), "good") if each.is_entry else (_("left"), ""),
            "reason": words.REASONS.get(each.reason, each.reason),
        }
        for each in latest
    ]
    return parts.short_table(
        request,
        caption=_("Came and left"),
        columns=_MOVE_COLUMNS,
        rows=rows,
        empty=parts.Empty(icon="arrow-left-right", title=_("Nobody has come or left since it was made")),
    )


@require_GET
@access.requires(Permission.EXPORT)
@access.requires(Permission.VIEW_CUSTOMERS)
def export_segment(request: HttpRequest, key: str) -> HttpResponse:
    """All members as a CSV file, in the order of their ids."""
    found, now = segments.segment_named(key), timezone.now()
    rows = exporting.export_members(found.key, actor=access.actor_of(request.user), at=now)
    return export.csv_stream(
        f"{found.key}-{now:%Y-%m-%d}",
        heads=["id", "name", "identifiers", "since_at", "changes_at"],
        rows=(
            [row.id, row.name, " ".join(row.identifiers), _utc(member.since_at), _utc(member.changes_at)]
            for member, row in rows
        ),
    )


@require_POST
@access.requires(Permission.MANAGE_SEGMENTS)
def duplicate(request: HttpRequest, key: str) -> HttpResponse:
    """Makes another segment of the same rule, to be changed."""
    found = segments.segment_named(key)
    name = _("%(name)s (copy)") % {"name": segments.name_of(found)}
    said = _("Duplicated. Change the copy as you like.")
    return _do(request, found, partial(segments.duplicate_segment, name=name), said)


@require_POST
@access.requires(Permission.MANAGE_SEGMENTS)
def archive(request: HttpRequest, key: str) -> HttpResponse:
    """Stops evaluating a segment."""
    return _do(request, segments.segment_named(key), segments.archive_segment, _("Archived."))


@require_POST
@access.requires(Permission.MANAGE_SEGMENTS)
def restore(request: HttpRequest, key: str) -> HttpResponse:
    """Takes an archived segment into use again."""
    return _do(request, segments.segment_named(key), segments.restore_segment, _("In use again."))


def _do(request: HttpRequest, found: Segment, verb: Callable[..., Segment | bool], said: str) -> HttpResponse:
    """Does it and leads to the segment that comes of it; a refusal is said in a toast."""
    try:
        done = verb(found.key, actor=access.actor_of(request.user), at=timezone.now())
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
        return redirect("segment", found.key)
    messages.success(request, said)
    return redirect("segment", done.key if isinstance(done, Segment) else found.key)


def _utc(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else ""
