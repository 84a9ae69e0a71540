"""Webhooks: which systems are told what, whether they take it, and the last deliveries."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.events import api as events
from sadakat.events.types import MAX_COUNTED, DeliveryState, Webhook, WebhookState
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, audit
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts, reasons

SHOWN_DELIVERIES: Final = 50
NOTE_LENGTH: Final = 30
"""Of an address beside its name; a longer one would not fit a phone."""
FAILING: Final = "failing"

STATE_WORDS: Final = {
    WebhookState.ACTIVE: (gettext_lazy("active"), "good"),
    WebhookState.PAUSED: (gettext_lazy("paused"), "off"),
    WebhookState.GONE: (gettext_lazy("stopped"), "bad"),
    WebhookState.FAILING: (gettext_lazy("stopped"), "bad"),
}
DELIVERY_WORDS: Final = {
    DeliveryState.WAITING: (gettext_lazy("waiting"), "warn"),
    DeliveryState.DELIVERED: (gettext_lazy("delivered"), "good"),
    DeliveryState.FAILED: (gettext_lazy("given up"), "bad"),
}
STOPPED_WHY: Final = {
    WebhookState.PAUSED: gettext_lazy(
        "What happens meanwhile waits for up to 30 days, and goes out when you resume it."
    ),
    WebhookState.GONE: gettext_lazy("The receiver answered 410: it does not want to be told any more."),
    WebhookState.FAILING: gettext_lazy("The receiver has taken nothing for five days. Mend it, then resume."),
}

audit.register_words(
    {
        "webhook": gettext_lazy("Webhook"),
        "events.webhook_created": gettext_lazy("Webhook added"),
        "events.webhook_changed": gettext_lazy("Webhook changed"),
        "events.webhook_paused": gettext_lazy("Webhook paused"),
        "events.webhook_resumed": gettext_lazy("Webhook resumed"),
        "events.webhook_stopped": gettext_lazy("Webhook stopped by itself"),
        "events.webhook_secret_rotated": gettext_lazy("Secret of a webhook replaced"),
        "events.webhook_deleted": gettext_lazy("Webhook deleted"),
        "events.webhook_tested": gettext_lazy("Test sent to a webhook"),
        "events.webhook_redelivered": gettext_lazy("Deliveries to a webhook sent again"),
        "event_names": gettext_lazy("Events"),
        "takes_shop_events": gettext_lazy("Events of other sources too"),
        "deliveries": gettext_lazy("Deliveries"),
    }
)

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Events")),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("Waiting"), is_numeric=True),
    parts.Column(label=gettext_lazy("Given up"), is_numeric=True),
]
_DELIVERY_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Event")),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("Answer")),
    parts.Column(label=gettext_lazy("Act")),
]


class WebhookForm(forms.Form):
    """What a subscription is."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("Who is told, such as Till or Newsletter.")
    )
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2_000,
        widget=forms.URLInput,
        help_text=gettext_lazy("Events are posted here as JSON, such as https://shop.example.com/webhooks."),
    )
    event_names = forms.CharField(
        label=gettext_lazy("Only these events"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line, such as Segment Entered. Empty: everything that Sadakat itself does."),
    )
    takes_shop_events = forms.BooleanField(
        label=gettext_lazy("Events of other sources too"),
        required=False,
        help_text=gettext_lazy(
            "What shops, browsers and files send, without names, e-mails and phones. These are many."
        ),
    )

    def values(self) -> dict[str, Any]:
        """The cleaned values as `create_webhook` takes them."""
        return {**self.cleaned_data, "event_names": self.cleaned_data["event_names"].splitlines()}


@require_GET
@access.requires(Permission.MANAGE_SOURCES)
def webhooks(request: HttpRequest) -> HttpResponse:
    """Every webhook, and how it does."""
    table = parts.short_table(
        request,
        caption=_("Webhooks"),
        columns=_COLUMNS,
        rows=[
            {
                "webhook": one,
                "state": STATE_WORDS[one.state],
                "what": _what(one),
                "waiting": _many(one.waiting),
                "failed": _many(one.failed),
            }
            for one in events.webhooks()
        ],
        empty=parts.Empty(
            icon="webhook",
            title=_("No webhooks yet"),
            text=_("A webhook tells another system what happens here, within seconds."),
        ),
    )
    return render(request, "events/webhooks.html", {"table": table})


@never_cache
@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def new_webhook(request: HttpRequest) -> HttpResponse:
    """Adds a webhook and shows its secret, once."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = events.create_webhook(
                **form.values(), actor=access.actor_of(request.user), at=timezone.now()
            )
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            return render(request, "events/webhook_secret.html", {"webhook": webhook, "secret": secret})
    return render(request, "events/webhook_new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SOURCES)
def webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """One webhook: its last deliveries, and what it is subscribed to."""
    found = events.webhook(webhook_id)
    form = WebhookForm(
        request.POST or None,
        initial={
            "name": found.name,
            "url": found.url,
            "event_names": "\n".join(found.event_names),
            "takes_shop_events": found.takes_shop_events,
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            events.change_webhook(webhook_id, **form.values(), actor=access.actor_of(request.user), at=timezone.now())
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("webhook", webhook_id)
    until = found.old_secret_until
    context = {
        "note": f"{STATE_WORDS[found.state][0]} · {Truncator(found.url).chars(NOTE_LENGTH)}",
        "form": form,
        "is_active": found.state is WebhookState.ACTIVE,
        "old_secret_until": until if until and until > timezone.now() else None,
        **_deliveries(request, found),
    }
    return render(request, "events/webhook.html", context, status=422 if form.errors else 200)


@require_GET
@access.requires(Permission.MANAGE_SOURCES)
def deliveries(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """The newest deliveries; the page asks while any of them is on its way."""
    return render(request, "events/_deliveries.html", _deliveries(request, events.webhook(webhook_id)))


@require_POST
@access.requires(Permission.MANAGE_SOURCES)
def act(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Does what `do` says: pauses or resumes a webhook, sends a test, or sends again what was given up."""
    actor, at = access.actor_of(request.user), timezone.now()
    match request.POST.get("do"):
        case "pause":
            events.pause_webhook(webhook_id, actor=actor, at=at)
            messages.success(request, _("Paused. What happens meanwhile waits."))
        case "resume":
            events.resume_webhook(webhook_id, actor=actor, at=at)
            messages.success(request, _("Resumed. What waited is on its way."))
        case "test":
            try:
                events.send_test(webhook_id, actor=actor, at=at)
                messages.success(request, _("A test is on its way."))
            except SadakatError as error:
                messages.error(request, reasons.shown(error))
        case "again":
            _again(request, webhook_id, delivery_id=None)
    return redirect("webhook", webhook_id)


@require_POST
@access.requires(Permission.MANAGE_SOURCES)
def redeliver(request: HttpRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    """Sends one delivery again."""
    _again(request, webhook_id, delivery_id=delivery_id)
    return redirect("webhook", webhook_id)


@never_cache
@require_POST
@access.requires(Permission.MANAGE_SOURCES)
def rotate_secret(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Gives a webhook a new secret, shown once."""
    found = events.webhook(webhook_id)
    secret = events.rotate_secret(webhook_id, actor=access.actor_of(request.user), at=timezone.now())
    return render(request, "events/webhook_secret.html", {"webhook": found, "secret": secret})


@require_POST
@access.requires(Permission.MANAGE_SOURCES)
def delete_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Takes a webhook away for good."""
    events.delete_webhook(webhook_id, actor=access.actor_of(request.user), at=timezone.now())
    messages.success(request, _("The webhook is deleted."))
    return redirect("webhooks")


def _what(one: Webhook) -> str:
    """Which events a webhook is told of."""
    if one.event_names:
        return ", ".join(one.event_names)
    return _("all events") if one.takes_shop_events else _("all that Sadakat does")


def _many(count: int) -> str:
    """`312`; above what is counted `10,000+`."""
    return f"{formats.number(MAX_COUNTED)}+" if count > MAX_COUNTED else formats.number(count)


def _again(request: HttpRequest, webhook_id: int, *, delivery_id: int | None) -> None:
    count = events.redeliver(
        webhook_id, delivery_id=delivery_id, actor=access.actor_of(request.user), at=timezone.now()
    )
    text = ngettext("%(n)s delivery is on its way again.", "%(n)s deliveries are on their way again.", count)
    messages.success(request, text % {"n": formats.number(count)})


def _deliveries(request: HttpRequest, found: Webhook) -> dict[str, Any]:
    """What the table of deliveries needs, and the card around it."""
    is_failing = request.GET.get("show") == FAILING
    newest = events.deliveries(found.id, is_failing=is_failing, limit=SHOWN_DELIVERIES)
    rows = [{"delivery": one, "word": DELIVERY_WORDS[one.state], "event": one.event or _("Test")} for one in newest]
    url = reverse("webhook", args=[found.id])
    shown = [("all", _("All"), url, not is_failing), (FAILING, _("With failures"), f"{url}?show={FAILING}", is_failing)]
    table = parts.short_table(
        request,
        caption=_("Deliveries"),
        columns=_DELIVERY_COLUMNS,
        rows=rows,
        empty=parts.Empty(icon="check", title=_("Nothing has failed"))
        if is_failing
        else parts.Empty(
            icon="send", title=_("Nothing was sent yet"), text=_("Send a test to see whether it arrives.")
        ),
    )
    return {
        "webhook": found,
        "failed": _many(found.failed),
        "why": STOPPED_WHY.get(found.state, ""),
        "table": table,
        "tabs": [parts.Tab(id=f"show-{id_}", label=label, url=to, is_current=now) for id_, label, to, now in shown],
        "query": f"?show={FAILING}" if is_failing else "",
        # Whatever is due now will have changed in a moment; what waits for hours will not.
        "is_moving": found.state is WebhookState.ACTIVE and any(one.next_at and not one.attempts for one in newest),
    }
