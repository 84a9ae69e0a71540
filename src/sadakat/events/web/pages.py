"""Sources with their live events, and what was set aside."""

from datetime import timedelta
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.events import api as events
from sadakat.events.types import Event, Kind, Source, SourceKind
from sadakat.events.web.forms import KIND_LABELS, NewSource, SourceOptions
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, audit, settings
from sadakat.platform.access import Permission
from sadakat.platform.ui import parts, reasons

LIVE_EVENTS: Final = 20
SHOWN_REJECTIONS: Final = 20

KIND_WORDS: Final = {
    Kind.IDENTIFY: gettext_lazy("Identify"),
    Kind.PAGE: gettext_lazy("Page"),
    Kind.SCREEN: gettext_lazy("Screen"),
    Kind.GROUP: gettext_lazy("Group"),
    Kind.ALIAS: gettext_lazy("Alias"),
}

audit.register_words(
    {
        "source": gettext_lazy("Source"),
        "consumer": gettext_lazy("Consumer"),
        **{f"kind={kind}": label for kind, label in KIND_LABELS.items()},
    }
)

_SOURCE_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Kind")),
    parts.Column(label=gettext_lazy("Events, 24 hours"), is_numeric=True),
    parts.Column(label=gettext_lazy("Trust")),
    parts.Column(label=gettext_lazy("State")),
]
_EVENT_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Event")),
    parts.Column(label=gettext_lazy("Customer")),
    parts.Column(label=gettext_lazy("When")),
    parts.Column(label=gettext_lazy("Position"), is_numeric=True),
]
_REJECTION_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Received")),
    parts.Column(label=gettext_lazy("Reason")),
    parts.Column(label=gettext_lazy("What came")),
]


@require_GET
@access.requires(Permission.MANAGE_SOURCES)
def sources(request: HttpRequest) -> HttpResponse:
    """Everything that sends, and how much it sent in the last 24 hours."""
    counts = events.event_counts(since=timezone.now() - timedelta(hours=24))
    rows = [
        {"source": source, "kind": KIND_LABELS[source.kind], "events": counts.get(source.id, 0)}
        for source in sorted(events.sources().values(), key=lambda s: (s.kind is SourceKind.SYSTEM, s.name))
    ]
    table = parts.short_table(
        request,
        caption=_("Sources"),
        columns=_SOURCE_COLUMNS,
        rows=rows,
        empty=parts.Empty(icon="plug", title=_("No sources yet")),
    )
    return render(request, "events/sources.html", {"table": table})


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def new_source(request: HttpRequest) -> HttpResponse:
    """Adds a source and shows its key, once."""
    form = NewSource(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source, key = events.create_source(
                name=form.cleaned_data["name"],
                kind=SourceKind(form.cleaned_data["kind"]),
                actor=access.actor_of(request.user),
                at=timezone.now(),
            )
        except SadakatError as error:
            form.add_error("name", reasons.shown(error))
        else:
            return _key_shown(request, source=source, key=key)
    return render(request, "events/source_new.html", {"form": form})


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def source(request: HttpRequest, source_id: int) -> HttpResponse:
    """One source: its live events, what it may do, and what was refused."""
    found = _source(source_id)
    form = SourceOptions(
        request.POST or None,
        initial={
            "is_enabled": found.is_enabled,
            "is_trusted": found.is_trusted,
            "accepts_orders": found.accepts_orders,
            "joins_profiles": found.joins_profiles,
            "allowed_origins": "\n".join(found.allowed_origins),
            "namespace": found.namespace,
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            events.change_source(
                source_id=source_id, actor=access.actor_of(request.user), at=timezone.now(), **form.changes()
            )
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("source", source_id)
    rejected = events.rejected_events(source_id=source_id, limit=SHOWN_REJECTIONS)
    context = {
        "source": found,
        "kind": KIND_LABELS[found.kind],
        "is_own": found.kind is SourceKind.SYSTEM,
        "form": form,
        "base_url": settings.current().base_url,
        "live": _live_table(request, source_id),
        "rejections": parts.short_table(
            request,
            caption=_("Rejected events"),
            columns=_REJECTION_COLUMNS,
            rows=rejected,
            empty=parts.Empty(icon="check", title=_("Nothing was rejected")),
        ),
    }
    return render(request, "events/source.html", context)


@require_GET
@access.requires(Permission.MANAGE_SOURCES)
def live(request: HttpRequest, source_id: int) -> HttpResponse:
    """The newest events of a source; the page asks every two seconds."""
    _source(source_id)
    return render(request, "events/_live.html", {"live": _live_table(request, source_id), "source_id": source_id})


@require_POST
@access.requires(Permission.MANAGE_SOURCES)
def renew_key(request: HttpRequest, source_id: int) -> HttpResponse:
    """Gives a source a new key, shown once; the old one stops at once."""
    found = _source(source_id)
    key = events.renew_key(source_id=source_id, actor=access.actor_of(request.user), at=timezone.now())
    return _key_shown(request, source=found, key=key)


def _source(source_id: int) -> Source:
    try:
        return events.sources()[source_id]
    except KeyError:
        raise Http404 from None


def _key_shown(request: HttpRequest, *, source: Source, key: str) -> HttpResponse:
    context = {"source": source, "key": key, "base_url": settings.current().base_url}
    return render(request, "events/source_key.html", context)


def _live_table(request: HttpRequest, source_id: int) -> parts.Table:
    newest = events.recent(source_id=source_id, limit=LIVE_EVENTS)
    rows = [{"event": event, "name": event_name(event)} for event in newest]
    return parts.short_table(
        request,
        caption=_("Live events"),
        columns=_EVENT_COLUMNS,
        rows=rows,
        empty=parts.Empty(
            icon="radio",
            title=_("No events yet"),
            text=_("They appear here within a second of being sent."),
        ),
    )


def event_name(event: Event) -> str:
    """The name of a tracked event, or the call's own."""
    return event.event or str(KIND_WORDS[event.kind])
