"""Making and changing a rule: the form, its JSON, and who would be in the segment, counted while it is written."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from sadakat.customers import api as customers
from sadakat.kernel import predicates
from sadakat.kernel.errors import Invalid, SadakatError
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.segments import api as segments
from sadakat.segments.types import Kind, Preview, Segment
from sadakat.segments.web import builder, inputs
from sadakat.segments.web.builder import Row

NAME_MAX_CHARACTERS: Final = 100
DESCRIPTION_MAX_CHARACTERS: Final = 500
DOCUMENT_MAX_CHARACTERS: Final = 100_000


@dataclass(kw_only=True)
class Draft:
    """A segment as somebody is writing it."""

    name: str = ""
    description: str = ""
    root: Row | None = None
    """None while the rule is edited as JSON."""
    document: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    """What is wrong with the `name`, the JSON `document`, or the `rule` as a whole."""
    is_beyond_form: bool = False
    """The form cannot show the rule: it can be edited as JSON alone."""


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SEGMENTS)
@access.requires(Permission.VIEW_CUSTOMERS)
def new_segment(request: HttpRequest) -> HttpResponse:
    """Makes a segment of a rule."""
    return _build(request, None)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SEGMENTS)
@access.requires(Permission.VIEW_CUSTOMERS)
def edit_segment(request: HttpRequest, key: str) -> HttpResponse:
    """Changes name, description and rule of a segment that somebody has made."""
    segment = segments.segment_named(key)
    if segment.group or segment.kind is not Kind.RULE:
        return redirect("segment", key)
    return _build(request, segment)


@require_POST
@access.requires(Permission.MANAGE_SEGMENTS)
@access.requires(Permission.VIEW_CUSTOMERS)
def preview(request: HttpRequest) -> HttpResponse:
    """Who would be in the segment: the rule in words, how many fit it now, and a few of them."""
    offer = _offer()
    draft = _posted(request)
    document = _document(draft, offer)
    context: dict[str, Any] = {"is_whole": document is not None, "said": None}
    if document is not None:
        try:
            found = segments.preview(document, at=timezone.now())
        except SadakatError as error:
            context["fault"] = _without_path(str(error))
        else:
            context |= {"said": offer.speaker.rule(document), "found": found, "people": _people(found)}
    return render(request, "segments/_preview.html", context)


def _build(request: HttpRequest, segment: Segment | None) -> HttpResponse:
    offer = _offer(segment)
    wanted = request.POST.get("do", "")
    draft = _posted(request) if request.method == "POST" else _opened(segment, offer)
    added = None
    if wanted == "save":
        saved = _save(request, segment, draft, offer)
        if saved is not None:
            messages.success(request, _("Saved."))
            return _lead(request, resolve_url("segment", saved.key))
    elif wanted == "json" and draft.root is not None and not draft.root.errors:
        draft.document = pretty(builder.document_of(draft.root, amounts=offer.amounts))
        draft.root = None
    elif wanted == "form" and draft.root is None:
        _to_form(draft, offer)
    elif draft.root is not None:
        added = builder.change(draft.root, wanted)
    if draft.root is not None:
        inputs.settle(draft.root, offer)
    context = {
        "segment": segment,
        "draft": draft,
        "line": inputs.lines(draft.root, offer) if draft.root else None,
        "has_scores": bool(offer.vocabulary.scores),
        "added": added.place if added and wanted.startswith("add:") else "",
        "address": request.path,
        "name_max": NAME_MAX_CHARACTERS,
        "description_max": DESCRIPTION_MAX_CHARACTERS,
    }
    is_part = getattr(request, "htmx", False)
    answer = render(request, "segments/_form.html" if is_part else "segments/edit.html", context)
    return trigger_client_event(answer, "rule-changed", after="settle") if is_part else answer


def _offer(segment: Segment | None = None) -> inputs.Offer:
    """What a rule can speak of; the segment itself is not among it."""
    others = [each for each in segments.segments() if segment is None or each.key != segment.key]
    return inputs.Offer(vocabulary=segments.vocabulary(), segments=others, here=brand.current())


def _opened(segment: Segment | None, offer: inputs.Offer) -> Draft:
    """What the page begins with."""
    if segment is None or segment.where is None:
        return Draft(root=builder.empty())
    draft = Draft(name=segment.name, description=segment.description, document=pretty(segment.where))
    draft.root = builder.rows_of(segment.where["where"], amounts=offer.amounts)
    draft.is_beyond_form = draft.root is None
    return draft


def _posted(request: HttpRequest) -> Draft:
    said = request.POST
    is_json = said.get("mode") == "json"
    return Draft(
        name=said.get("name", "").strip()[:NAME_MAX_CHARACTERS],
        description=said.get("description", "").strip()[:DESCRIPTION_MAX_CHARACTERS],
        root=None if is_json else builder.posted(said.dict()),
        document=said.get("document", "")[:DOCUMENT_MAX_CHARACTERS],
    )


def _document(draft: Draft, offer: inputs.Offer) -> dict[str, Any] | None:
    """The document of the draft, which may be at fault; None, with the fields marked, where something is missing."""
    if draft.root is not None:
        is_missing = builder.missing(draft.root)
        document = builder.document_of(draft.root, amounts=offer.amounts)
        return None if is_missing else document
    try:
        document = msgspec.json.decode(draft.document)
    except msgspec.DecodeError as error:
        draft.errors["document"] = f"not JSON: {error}"
        return None
    return document if isinstance(document, dict) else {"where": document}


def _save(request: HttpRequest, segment: Segment | None, draft: Draft, offer: inputs.Offer) -> Segment | None:
    """Saves the draft; None with what is wrong marked on it."""
    if not draft.name:
        draft.errors["name"] = builder.MISSING
    document = _document(draft, offer)
    if document is None or draft.errors:
        return None
    said: dict[str, Any] = {"name": draft.name, "description": draft.description, "where": document}
    who: dict[str, Any] = {"actor": access.actor_of(request.user), "at": timezone.now()}
    try:
        predicates.parse(document, vocabulary=offer.vocabulary)
    except Invalid as error:
        if draft.root is not None:
            builder.place_fault(draft.root, str(error))
        else:
            draft.errors["document"] = str(error)
        return None
    try:
        if segment is None:
            return segments.create_segment(**said, **who)
        return segments.change_segment(segment.key, **said, **who)
    except SadakatError as error:
        draft.errors["rule"] = str(error)
        return None


def _to_form(draft: Draft, offer: inputs.Offer) -> None:
    """Shows the JSON as a form again; where that cannot be, says so and keeps the JSON."""
    document = _document(draft, offer)
    if document is None:
        return
    try:
        predicates.parse(document, vocabulary=offer.vocabulary)
    except Invalid as error:
        draft.errors["document"] = str(error)
        return
    draft.root = builder.rows_of(document["where"], amounts=offer.amounts)
    draft.is_beyond_form = draft.root is None


def _people(found: Preview) -> list[tuple[int, str]]:
    """A few of those who fit, with their names."""
    return [(row.id, row.name) for row in customers.customer_rows(found.sample)]


def pretty(document: Any) -> str:
    """A document as people read JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _without_path(fault: str) -> str:
    """The reason without the path to its place, which only those who write JSON know."""
    path, colon, reason = fault.partition(": ")
    return reason if colon and path.startswith("where") else fault


def _lead(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)
