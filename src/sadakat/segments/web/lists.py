"""Lists: segments whose members people have put there, by file or one by one."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from sadakat.kernel.errors import Invalid, SadakatError
from sadakat.platform import access
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, reasons
from sadakat.segments import api as segments
from sadakat.segments.types import Kind, ListReport
from sadakat.segments.web.building import DESCRIPTION_MAX_CHARACTERS, NAME_MAX_CHARACTERS

MAX_FILE_BYTES: Final = 20_000_000


class NewList(forms.Form):
    """A list to be made."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=NAME_MAX_CHARACTERS)
    description = forms.CharField(
        label=gettext_lazy("Description"), max_length=DESCRIPTION_MAX_CHARACTERS, required=False
    )


class People(forms.Form):
    """Who is put on a list, or taken off it."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy(
            "A CSV or Excel file. Its first column names the customers; a heading such as email, phone, card or "
            "user_id says by what."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xls,.ods"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Or paste them"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("One a line: an e-mail, a phone such as +905321234567, a customer's id, or card:1234."),
    )

    def clean(self) -> dict[str, Any]:
        """One of the two is needed, and the file must be one that can be read."""
        said: dict[str, Any] = super().clean() or {}
        file = said.get("file")
        if file and file.size > MAX_FILE_BYTES:
            self.add_error("file", _("The file is larger than 20 MB."))
        elif file:
            try:
                said["references"] = _read(file)
            except Invalid as error:
                self.add_error("file", reasons.shown(error))
        elif said.get("text", "").strip():
            # What is pasted from a sheet has further columns; a quotation mark means nothing.
            cells = [re.split(r"[,;\t]", line, maxsplit=1)[0] for line in said["text"].splitlines()]
            said["references"] = segments.references(cells)
        else:
            self.add_error("text", _("Choose a file, or paste who they are."))
        return said


def _read(file: UploadedFile) -> list[str]:
    with tempfile.NamedTemporaryFile() as kept:
        for block in file.chunks():
            kept.write(block)
        kept.flush()
        return segments.read_references(Path(kept.name), file_name=file.name or "")


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SEGMENTS)
@access.requires(Permission.VIEW_CUSTOMERS)
def new_list(request: HttpRequest) -> HttpResponse:
    """Makes an empty list and leads to where people are put on it."""
    form = NewList(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = segments.create_segment(
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                where=None,
                actor=access.actor_of(request.user),
                at=timezone.now(),
            )
        except SadakatError as error:
            form.add_error("name", reasons.shown(error))
        else:
            return redirect("segment_people", made.key)
    return render(request, "segments/list_new.html", {"form": form})


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SEGMENTS)
@access.requires(Permission.VIEW_CUSTOMERS)
def people(request: HttpRequest, key: str) -> HttpResponse:
    """Puts people on a list or takes them off, by file or by what is pasted; says who is not known."""
    found = segments.segment_named(key)
    if found.kind is not Kind.LIST or found.group or found.is_archived:
        return redirect("segment", key)
    form = People(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"segment": found, "form": form}
    if request.method == "POST" and form.is_valid():
        is_removal = request.POST.get("do") == "remove"
        verb = segments.remove_from_list if is_removal else segments.add_to_list
        try:
            report = verb(key, form.cleaned_data["references"], actor=access.actor_of(request.user), at=timezone.now())
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            context |= {
                "report": report,
                "told": told(report, is_removal=is_removal),
                "is_removal": is_removal,
                "form": People(),
                "more": report.unknown_count - len(report.unknown),
            }
    return render(request, "segments/people.html", context)


@require_POST
@access.requires(Permission.MANAGE_SEGMENTS)
@access.requires(Permission.VIEW_CUSTOMERS)
def one_customer(request: HttpRequest, key: str, customer_id: int) -> HttpResponse:
    """Puts one customer on a list, or takes him off, and leads back to the page that asked."""
    is_removal = request.POST.get("do") == "remove"
    verb: Callable[..., ListReport] = segments.remove_from_list if is_removal else segments.add_to_list
    found = segments.segment_named(key)
    try:
        report = verb(key, [str(customer_id)], actor=access.actor_of(request.user), at=timezone.now())
    except SadakatError as error:
        messages.error(request, reasons.shown(error))
    else:
        if report.unknown_count:
            raise Http404
        said = _("Taken off “%(name)s”.") if is_removal else _("Put on “%(name)s”.")
        messages.success(request, said % {"name": found.name})
    return redirect(
        resolve_url("customer", customer_id) if "from_customer" in request.POST else resolve_url("segment", key)
    )


def told(report: ListReport, *, is_removal: bool) -> str:
    """What came of it, in one sentence."""
    n = formats.number(report.added)
    if is_removal:
        return ngettext("%(n)s customer was taken off.", "%(n)s customers were taken off.", report.added) % {"n": n}
    return ngettext("%(n)s customer was put on the list.", "%(n)s customers were put on the list.", report.added) % {
        "n": n
    }
