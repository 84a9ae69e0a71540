"""What lies aside: events that a consumer could not handle, and events that were refused; mending and trying again."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from sadakat.events import amendments, rejections
from sadakat.events import api as events
from sadakat.events.types import AsideGroup, ReplayReport, RetryReport
from sadakat.kernel.errors import NotFound, SadakatError
from sadakat.platform import access, audit
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts, reasons

PAGE_SIZE: Final = 50
FAILED, REJECTED = "failed", "rejected"

audit.register_words(
    {
        "event": gettext_lazy("Event"),
        "rejected_event": gettext_lazy("Rejected event"),
        "solved": gettext_lazy("Solved"),
        "still_failing": gettext_lazy("Still set aside"),
        "accepted": gettext_lazy("Taken"),
        "still_rejected": gettext_lazy("Still rejected"),
        "cut": gettext_lazy("Not kept whole"),
        "mapping": gettext_lazy("Mapping"),
    }
)
_GROUP_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Reason")),
    parts.Column(label=gettext_lazy("Where")),
    parts.Column(label=gettext_lazy("Last")),
    parts.Column(label=gettext_lazy("Events"), is_numeric=True),
]
_FAILED_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Event")),
    parts.Column(label=gettext_lazy("Consumer")),
    parts.Column(label=gettext_lazy("Reason")),
    parts.Column(label=gettext_lazy("Since")),
    parts.Column(label=gettext_lazy("Attempts"), is_numeric=True),
]
_REJECTED_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Received")),
    parts.Column(label=gettext_lazy("Source")),
    parts.Column(label=gettext_lazy("Reason")),
    parts.Column(label=gettext_lazy("What came")),
]


class BodyForm(forms.Form):
    """An event as JSON."""

    body = forms.CharField(
        label=gettext_lazy("The event as JSON"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
    )


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def aside(request: HttpRequest) -> HttpResponse:
    """Both kinds by reason, and the events of the chosen one; a POST tries those again."""
    is_rejected = request.GET.get("state") == REJECTED
    key, reason = request.GET.get("key", ""), request.GET.get("reason", "")
    if request.method == "POST":
        _try_all(request, is_rejected=is_rejected, key=key, reason=reason)
        return redirect(request.get_full_path())
    groups = events.rejected_groups() if is_rejected else events.failed_groups()
    ask = parts.asked(request, columns=[], usual_order="")
    offset = (ask.page - 1) * PAGE_SIZE
    rows: list[Any]
    if is_rejected:
        rows = events.rejected_events(source_id=_number(key), reason=reason, limit=PAGE_SIZE, offset=offset)
        total = events.rejected_count(source_id=_number(key), reason=reason)
    else:
        rows = events.failed_events(consumer=key or None, reason=reason, limit=PAGE_SIZE, offset=offset)
        total = events.failed_count(consumer=key or None, reason=reason)
    names = {str(source.id): source.name for source in events.sources().values()}
    table = parts.table(
        request,
        caption=_("Events set aside"),
        columns=_REJECTED_COLUMNS if is_rejected else _FAILED_COLUMNS,
        rows=[{"event": row, "source": names.get(str(getattr(row, "source_id", "")), "–")} for row in rows],
        total=total,
        page_size=PAGE_SIZE,
        ask=ask,
        empty=_nothing(is_rejected=is_rejected),
    )
    context = {
        "is_rejected": is_rejected,
        "tabs": _tabs(is_rejected=is_rejected),
        "is_filtered": bool(key or reason),
        "groups": _groups(request, groups, names=names, is_rejected=is_rejected),
        "table": table,
        "now": timezone.now(),
    }
    return render(request, "events/aside.html", context)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def failed_event(request: HttpRequest, position: int) -> HttpResponse:
    """One event that was set aside: what came, why it waits, and mending it."""
    failed = events.failed_events(position=position)
    if not failed:
        raise Http404
    [event] = events.read_positions([position])
    actor, at = access.actor_of(request.user), timezone.now()

    def save(body: bytes) -> None:
        _tell_retry(request, events.amend_failed(position=position, body=body, actor=actor, at=at))

    def again() -> None:
        _tell_retry(request, events.retry_failed(position=position, actor=actor, at=at))

    def check(body: bytes) -> str:
        try:
            amendments.check(body, event=event)
        except SadakatError as error:
            return reasons.shown(error)
        return ""

    source = events.sources()[event.source_id]
    context = {
        "title": event.event or event.kind.name.lower(),
        "reasons": [(one.consumer, one.reason, one.attempts) for one in failed],
        "source": source,
        "at": event.received_at,
        "mapped": pretty(amendments.by_mapping(event) or b""),
        "rule_url_sample": f"{FAILED}-{position}",
        "may_try": True,
        "back_state": FAILED,
    }
    return _event_page(request, body=event.body, context=context, save=save, again=again, check=check)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def rejected_event(request: HttpRequest, rejected_id: int) -> HttpResponse:
    """One event that was refused: what came, why, and mending it."""
    try:
        found = events.rejected_event(rejected_id)
    except NotFound:
        raise Http404 from None
    if found.replayed_at is not None:
        messages.info(request, _("This event has been taken since."))
        return redirect(_back(REJECTED))
    actor, at = access.actor_of(request.user), timezone.now()
    source = events.sources().get(found.source_id or 0)

    def save(body: bytes) -> None:
        events.edit_rejected(rejected_id=rejected_id, body=body, actor=actor, at=at)
        messages.success(request, _("Taken."))

    def again() -> None:
        tell_replay(request, events.replay_rejected(ids=[rejected_id], actor=actor, at=at))

    def check(body: bytes) -> str:
        if source is None:
            return _("Its source is not known any more.")
        return reasons.shown(rejections.trial(body, source=source, received_at=found.received_at).refusal)

    body = found.body.encode()
    trial = rejections.trial(body, source=source, received_at=found.received_at) if source else None
    context = {
        "title": _("Rejected event"),
        "reasons": [("", found.reason, None)],
        "source": source,
        "at": found.received_at,
        "is_cut": found.is_cut,
        "mapped": pretty(trial.body) if trial and trial.body != body else "",
        "would_be_taken": trial is not None and not trial.refusal and not found.is_cut,
        "rule_url_sample": f"{REJECTED}-{rejected_id}",
        "may_try": not found.is_cut,
        "back_state": REJECTED,
    }
    return _event_page(request, body=body, context=context, save=save, again=again, check=check)


def _event_page(
    request: HttpRequest,
    *,
    body: bytes,
    context: dict[str, Any],
    save: Callable[[bytes], None],
    again: Callable[[], None],
    check: Callable[[bytes], str],
) -> HttpResponse:
    """What both kinds share: the form, checking it, saving it, and trying the event again as it is."""
    wanted = request.POST.get("do", "") if request.method == "POST" else ""
    form = BodyForm(request.POST if wanted in {"check", "save"} else None, initial={"body": pretty(body)})
    if wanted == "again":
        again()
        return redirect(_back(context["back_state"]))
    if wanted and form.is_valid():
        said = form.cleaned_data["body"].encode("utf-8", "surrogatepass")
        try:
            if wanted == "save":
                save(said)
                return redirect(_back(context["back_state"]))
            if refusal := check(said):
                form.add_error("body", refusal)
            else:
                messages.success(request, _("It would be taken like this."))
        except SadakatError as error:
            form.add_error("body", reasons.shown(error))
    return render(request, "events/aside_event.html", {**context, "form": form, "came": pretty(body)})


def _back(state: str) -> str:
    return f"{reverse('failed_events')}?{urlencode({'state': state})}"


def _try_all(request: HttpRequest, *, is_rejected: bool, key: str, reason: str) -> None:
    actor, at = access.actor_of(request.user), timezone.now()
    if is_rejected:
        tell_replay(request, events.replay_rejected(source_id=_number(key), reason=reason, actor=actor, at=at))
        return
    try:
        _tell_retry(request, events.retry_failed(consumer=key or None, reason=reason, actor=actor, at=at))
    except NotFound as error:
        messages.error(request, reasons.shown(error))


def _tell_retry(request: HttpRequest, report: RetryReport) -> None:
    if report.still_failing:
        messages.warning(
            request,
            _("%(solved)d solved, %(left)d still set aside.") % {"solved": report.solved, "left": report.still_failing},
        )
    else:
        messages.success(
            request, ngettext("%(n)d event solved.", "%(n)d events solved.", report.solved) % {"n": report.solved}
        )


def tell_replay(request: HttpRequest, report: ReplayReport) -> None:
    """Says what came of trying rejected events again."""
    tell = messages.warning if report.still_rejected or report.cut else messages.success
    text = _("%(accepted)d taken, %(rejected)d rejected again.") % {
        "accepted": report.accepted,
        "rejected": report.still_rejected,
    }
    if report.cut:
        text += " " + ngettext(
            "%(n)d was not kept whole; only its sender can send it again.",
            "%(n)d were not kept whole; only their senders can send them again.",
            report.cut,
        ) % {"n": report.cut}
    tell(request, text)


def _tabs(*, is_rejected: bool) -> list[parts.Tab]:
    counted = [
        (FAILED, _("Set aside"), events.failed_count(), not is_rejected),
        (REJECTED, _("Rejected"), events.rejected_count(), is_rejected),
    ]
    return [
        parts.Tab(
            id=f"state-{state}",
            label=f"{label} ({formats.number(count)})",
            url=f"?state={state}",
            is_current=is_current,
        )
        for state, label, count, is_current in counted
    ]


def _groups(request: HttpRequest, groups: list[AsideGroup], *, names: dict[str, str], is_rejected: bool) -> parts.Table:
    state = REJECTED if is_rejected else FAILED
    rows = [
        {
            "group": group,
            "where": names.get(group.key, "–") if is_rejected else group.key,
            "url": "?" + urlencode({"state": state, "key": group.key, "reason": group.reason}),
        }
        for group in groups
    ]
    return parts.short_table(
        request, caption=_("By reason"), columns=_GROUP_COLUMNS, rows=rows, empty=_nothing(is_rejected=is_rejected)
    )


def _nothing(*, is_rejected: bool) -> parts.Empty:
    if is_rejected:
        return parts.Empty(icon="check", title=_("Nothing was rejected"))
    return parts.Empty(
        icon="check",
        title=_("Nothing is set aside"),
        text=_("An event that cannot be handled waits here with its reason, and the others go on."),
    )


def _number(key: str) -> int | None:
    return int(key) if key.isascii() and key.isdecimal() and len(key) < 10 else None


def pretty(body: bytes) -> str:
    """JSON as people read it; what is none as it came."""
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
