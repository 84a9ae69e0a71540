"""The audit log as a page, and the words for what the team can do."""

import json
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from sadakat.platform import access, audit, brand, queries
from sadakat.platform.access import Permission
from sadakat.platform.ui import parts
from sadakat.platform.web import forms

VALUE_MAX_CHARACTERS: Final = 200
BEFORE_MAX_DIGITS: Final = 18
COLUMNS: Final = [
    parts.Column(label=gettext_lazy("When")),
    parts.Column(label=gettext_lazy("Who")),
    parts.Column(label=gettext_lazy("What")),
    parts.Column(label=gettext_lazy("On what")),
    parts.Column(label=gettext_lazy("Change")),
]

audit.register_words(
    {
        "cli": gettext_lazy("Command line"),
        "platform.brand_set_up": gettext_lazy("Brand set up"),
        "platform.brand_noted": gettext_lazy("Brand noted"),
        "team.user_created": gettext_lazy("Person added"),
        "team.role_changed": gettext_lazy("Role changed"),
        "team.name_changed": gettext_lazy("Name changed"),
        "team.language_changed": gettext_lazy("Language changed"),
        "team.user_deactivated": gettext_lazy("Person shut out"),
        "team.user_reactivated": gettext_lazy("Person let in again"),
        "team.password_set": gettext_lazy("Password set"),
        "team.link_made": gettext_lazy("Log-in link made"),
        "team.preference_set": gettext_lazy("List arranged"),
        "name": gettext_lazy("Name"),
        "email": gettext_lazy("E-mail address"),
        "role": gettext_lazy("Role"),
        "language": gettext_lazy("Language"),
        "is_active": gettext_lazy("May come in"),
        "time_zone": gettext_lazy("Time zone"),
        "currency": gettext_lazy("Currency"),
        "revenue_basis": gettext_lazy("Revenue basis"),
        "is_demo": gettext_lazy("Demonstration"),
        "notes": gettext_lazy("Notes"),
        "is_complete": gettext_lazy("Is complete"),
        "language=": gettext_lazy("As the browser"),
        "language=en": "English",
        "language=tr": "Türkçe",
        **{f"role={role}": label for role, label in access.ROLE_LABELS.items()},
    }
)


@require_GET
@access.requires(Permission.VIEW_AUDIT)
def entries(request: HttpRequest) -> HttpResponse:
    """Who did what to what, latest first."""
    here = brand.current()
    people = {f"user:{person.pk}": person.name for person in queries.team()}
    form = forms.AuditFilter(request.GET or None, people=list(people.items()))
    asked = form.cleaned_data if form.is_valid() else {}
    before = request.GET.get("before", "")
    page = queries.audit_page(
        actor=asked.get("actor") or None,
        action=asked.get("action") or None,
        subject=asked.get("subject") or None,
        from_at=_midnight(asked.get("since"), here.zone),
        until_at=_midnight(asked.get("until"), here.zone, days=1),
        before=int(before) if before.isascii() and before.isdecimal() and len(before) <= BEFORE_MAX_DIGITS else None,
    )
    table = parts.table(
        request,
        caption=_("Audit log"),
        columns=COLUMNS,
        rows=[_shown(row, {**people, "brand:1": here.name}) for row in page.rows],
        total=len(page.rows),
        page_size=queries.AUDIT_PAGE_ROWS,
        ask=parts.Asked("", 1),
        empty=parts.Empty(
            icon="scroll-text",
            title=_("No entry matches"),
            text=_("Choose other filters, or none."),
            url=request.path,
            verb=_("Show all entries"),
        ),
    )
    older = request.GET.copy()
    older["before"] = str(page.next_before)
    context = {"form": form, "table": table, "zone": here.zone, "older": older.urlencode() if page.next_before else ""}
    return render(request, "platform/audit.html", context, status=422 if form.errors else 200)


def _midnight(day: Any, zone: ZoneInfo, *, days: int = 0) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=zone) + timedelta(days=days) if day else None


def _shown(row: queries.AuditRow, names: dict[str, str]) -> dict[str, Any]:
    return {
        "at": row.at,
        "actor": audit.word(row.actor, default=row.actor_name),
        "action": audit.word(row.action),
        "subject": names.get(row.subject) or _subject(row.subject),
        "changes": _changes(row.old, row.new),
    }


def _subject(subject: str) -> str:
    """`TYPE:ID` with the type's word, where it has one."""
    kind, separator, key = subject.partition(":")
    return f"{word} {key}" if separator and (word := audit.word(kind, default="")) else subject


def _changes(old: Any, new: Any) -> list[tuple[str, str, str]]:
    """Field, old and new value, for each field that differs; what is not an object is one field without name."""
    if not isinstance(old or new or {}, dict):
        return [("", _value("", old), _value("", new))]
    before, after = old or {}, new or {}
    return [
        (audit.word(field), _value(field, before.get(field)), _value(field, after.get(field)))
        for field in dict.fromkeys([*before, *after])
        if before.get(field) != after.get(field) and not (_is_empty(before.get(field)) and _is_empty(after.get(field)))
    ]


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _value(field: str, value: Any) -> str:
    if _is_empty(value):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return audit.word(f"{field}={text}", default=text)[:VALUE_MAX_CHARACTERS]
