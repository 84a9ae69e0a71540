"""Importing a file, step by step: the file, its columns, the check, the import, the report."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from sadakat.events import api as events
from sadakat.events.types import FileImport, ImportState, ImportTarget, Inspection
from sadakat.events.web import import_tables, import_words
from sadakat.events.web.import_forms import Columns, FormatOptions, Upload
from sadakat.kernel.errors import Invalid, NotFound, SadakatError
from sadakat.platform import access, audit
from sadakat.platform.access import Permission
from sadakat.platform.ui import reasons

SHOWN_IMPORTS: Final = 50
DOWNLOAD_BLOCK_BYTES: Final = 256 * 1024
AT_WORK: Final = (ImportState.CHECKING, ImportState.RUNNING)
# What somebody needs who imports this, besides the right to import.
_PERMISSIONS: Final = {"spend": Permission.MANAGE_SPEND}
# Where the reader finds what was imported, by target.
_PLACES: Final = {"customers": "customers", "orders": "customers", "events": "customers", "spend": "spend"}

audit.register_words({"file_import": gettext_lazy("Import"), "import_preset": gettext_lazy("Saved mapping")})


@require_GET
@access.requires(Permission.IMPORT)
def imports(request: HttpRequest) -> HttpResponse:
    """The files that came, what became of each, and the saved mappings."""
    targets = _targets(request)
    presets = [(target, preset) for target in targets.values() for preset in events.presets(target.name)]
    saved = [
        {"id": f"preset-{number}", "target": target, "preset": preset}
        for number, (target, preset) in enumerate(presets)
    ]
    return render(
        request,
        "events/imports.html",
        {
            "table": import_tables.files(request, targets),
            "presets": saved,
            "now": timezone.now(),
        },
    )


@require_http_methods(["GET", "POST"])
@access.requires(Permission.IMPORT)
def new_import(request: HttpRequest) -> HttpResponse:
    """What the file holds, and the file."""
    targets = list(_targets(request).values())
    form = Upload(request.POST or None, request.FILES or None, targets=targets, target=request.GET.get("target", ""))
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            staged = events.stage_import(
                file=upload,
                file_name=upload.name,
                target=form.cleaned_data["target"],
                actor=access.actor_of(request.user),
                at=timezone.now(),
            )
        except SadakatError as error:
            form.add_error("file", reasons.shown(error))
        else:
            return redirect("import_mapping", staged.id)
    options = [
        {
            "radio": radio,
            "sentence": import_words.SENTENCES.get(target.name, ""),
            "heading": import_words.heading(target),
        }
        for radio, target in zip(form["target"], targets, strict=True)
    ]
    return render(request, "events/import_new.html", {"form": form, "options": options})


@require_http_methods(["GET", "POST"])
@access.requires(Permission.IMPORT)
def import_mapping(request: HttpRequest, import_id: int) -> HttpResponse:
    """What the columns mean; the address says how the file is read. A POST has the file checked."""
    found, target = _import(request, import_id)
    if found.state in (*AT_WORK, ImportState.DONE):
        return redirect("import", found.id)
    inspection, options = _inspection(request, found)
    form = Columns(
        request.POST or None,
        columns=inspection.columns,
        target=target,
        mapping=_mapping(found, inspection),
    )
    if request.method == "POST" and form.is_valid():
        plan = form.plan(inspection.format)
        actor, at, names = access.actor_of(request.user), timezone.now(), [each.name for each in inspection.columns]
        try:
            if name := form.cleaned_data["preset_name"]:
                events.save_preset(name=name, plan=plan, columns=names, actor=actor, at=at)
            events.check_import(import_id=found.id, plan=plan, actor=actor, at=at)
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            return redirect("import", found.id)
    context = {
        **_page(found, target),
        "form": form,
        "options": options,
        "format_text": import_words.format_text(inspection.format),
        "preset": inspection.preset,
        "source": events.sources()[found.source_id].name,
        "missing": [] if form.is_bound else form.missing(),
    }
    return render(request, "events/import_mapping.html", context)


@require_GET
@access.requires(Permission.IMPORT)
def one_import(request: HttpRequest, import_id: int) -> HttpResponse:
    """Where an import stands: its progress, what would happen, or what has happened."""
    found, target = _import(request, import_id)
    if found.state is ImportState.UPLOADED:
        return redirect("import_mapping", found.id)
    return render(request, "events/import.html", {**_page(found, target), **_report(request, found, target)})


@require_GET
@access.requires(Permission.IMPORT)
def import_progress(request: HttpRequest, import_id: int) -> HttpResponse:
    """How far the work is; the page asks every second, and is led on when the work is over."""
    found, target = _import(request, import_id)
    if found.state not in AT_WORK:
        return HttpResponseClientRedirect(reverse("import", args=[found.id]))
    return render(request, "events/_import_progress.html", _page(found, target))


@require_POST
@access.requires(Permission.IMPORT)
def check_import(request: HttpRequest, import_id: int) -> HttpResponse:
    """Checks the file again, with the columns as they were named."""
    return _work(request, import_id, events.check_import)


@require_POST
@access.requires(Permission.IMPORT)
def run_import(request: HttpRequest, import_id: int) -> HttpResponse:
    """Imports the file as it was checked."""
    return _work(request, import_id, events.run_import)


@require_POST
@access.requires(Permission.IMPORT)
def cancel_import(request: HttpRequest, import_id: int) -> HttpResponse:
    """Stops a check or an import that is under way."""
    found, _target = _import(request, import_id)
    return _do(request, found, events.cancel_import)


@require_POST
@access.requires(Permission.IMPORT)
def discard_import(request: HttpRequest, import_id: int) -> HttpResponse:
    """Deletes the uploaded file; what was counted of it stays."""
    found, _target = _import(request, import_id)
    events.discard_import(import_id=found.id, actor=access.actor_of(request.user), at=timezone.now())
    messages.success(request, _("%(file)s was discarded.") % {"file": found.file_name})
    return redirect("imports")


@require_GET
@access.requires(Permission.IMPORT)
def rejected_file(request: HttpRequest, import_id: int) -> HttpResponse:
    """The rows that were rejected, each with its reason, as a file to be saved."""
    found, _target = _import(request, import_id)
    path = events.rejected_file(found.id)
    if path is None:
        raise Http404
    name = f"{Path(found.file_name).stem}-rejected{path.suffix}"
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "",
        "Content-Length": str(path.stat().st_size),
    }
    response = StreamingHttpResponse(_blocks(path.open("rb")), content_type="text/csv; charset=utf-8", headers=headers)
    # The gate in front of the view knows whole answers alone, and looks at neither.
    return cast("HttpResponse", response)


@require_POST
@access.requires(Permission.IMPORT)
def delete_preset(request: HttpRequest) -> HttpResponse:
    """Forgets a saved mapping."""
    name = request.POST.get("name", "")
    events.delete_preset(
        target=request.POST.get("target", ""), name=name, actor=access.actor_of(request.user), at=timezone.now()
    )
    messages.success(request, _("The saved mapping “%(name)s” was deleted.") % {"name": name})
    return redirect("imports")


def _targets(request: HttpRequest) -> dict[str, ImportTarget]:
    """What this person may import, by name."""
    return {
        name: target
        for name, target in events.targets().items()
        if name not in _PERMISSIONS or access.may(request.user, _PERMISSIONS[name])
    }


def _import(request: HttpRequest, import_id: int) -> tuple[FileImport, ImportTarget]:
    try:
        found = events.file_import(import_id)
        return found, _targets(request)[found.target]
    except (NotFound, KeyError):
        raise Http404 from None


def _page(found: FileImport, target: ImportTarget) -> dict[str, Any]:
    """What every page of an import shows."""
    word, tone = import_words.STATES[found.state]
    return {
        "file": found,
        "target": target,
        "state": {"word": word, "tone": tone, "icon": import_words.STATE_ICONS[found.state]},
        "is_at_work": found.state in AT_WORK,
    }


def _report(request: HttpRequest, found: FileImport, target: ImportTarget) -> dict[str, Any]:
    """The latest report as tables; nothing while there is none."""
    report = found.report
    if report is None:
        return {}
    return {
        "report": report,
        "rejections": import_tables.notes(request, _("Rejected rows"), report.rejections),
        "warnings": import_tables.notes(request, _("Cells that could not be used"), report.warnings),
        "preview": import_tables.preview(request, report.preview, target=target),
        "place_url": _place(target),
    }


def _place(target: ImportTarget) -> str:
    try:
        return reverse(_PLACES[target.name])
    except (KeyError, NoReverseMatch):
        return ""


def _inspection(request: HttpRequest, found: FileImport) -> tuple[Inspection, FormatOptions]:
    """The beginning of the file, read as the address says, or as was said before, or as is guessed."""
    before = found.plan.format if found.plan else None
    guess = events.inspect_import(found.id, format=before)
    options = FormatOptions(request.GET, inspection=guess)
    chosen = options.format(guess.format)
    if chosen == guess.format:
        return guess, options
    try:
        return events.inspect_import(found.id, format=chosen), options
    except Invalid as error:
        options.add_error(None, reasons.shown(error))
        return guess, options


def _mapping(found: FileImport, inspection: Inspection) -> Mapping[str, str]:
    """What was chosen before, as long as it is about these columns; else what is suggested."""
    names = {column.name for column in inspection.columns}
    if found.plan and found.plan.mapping.keys() <= names:
        return found.plan.mapping
    return {column.name: column.suggestion for column in inspection.columns if column.suggestion}


def _work(request: HttpRequest, import_id: int, verb: Callable[..., object]) -> HttpResponse:
    found, _target = _import(request, import_id)
    if found.plan is None:
        return redirect("import_mapping", found.id)
    return _do(request, found, partial(verb, plan=found.plan))


def _do(request: HttpRequest, found: FileImport, verb: Callable[..., object]) -> HttpResponse:
    """Does it and leads to the page of the import, which says how it stands; a refusal is said in a toast."""
    try:
        verb(import_id=found.id, actor=access.actor_of(request.user), at=timezone.now())
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    return redirect("import", found.id)


async def _blocks(file: BinaryIO) -> AsyncIterator[bytes]:
    """The file in blocks, read beside the event loop."""
    try:
        while block := await asyncio.to_thread(file.read, DOWNLOAD_BLOCK_BYTES):
            yield block
    finally:
        file.close()
