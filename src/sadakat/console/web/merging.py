"""Two customers become one by hand, or two again; and the queue of those whom a limit keeps apart."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.console.web import orders, words
from sadakat.customers import api as customers
from sadakat.customers.types import ConflictRow, Customer, CustomerRow, IdentifierType, MergePreview
from sadakat.kernel.errors import Invalid, NotFound
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import formats, parts

MAX_CANDIDATES: Final = 20
MAX_CONFLICTS: Final = 200
FROM_QUEUE: Final = "conflicts"
# Names and identifiers have lines of their own.
_TOLD_ABOVE: Final = {"name", "firstName", "first_name", "lastName", "last_name", "email", "phone", "card"}

_CANDIDATE_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Identifiers")),
    parts.Column(label=gettext_lazy("Orders"), is_numeric=True),
    parts.Column(label=gettext_lazy("Revenue"), is_numeric=True),
    parts.Column(label=gettext_lazy("Last seen"), is_numeric=True),
]
_CONFLICT_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Customers")),
    parts.Column(label=gettext_lazy("What they share")),
    parts.Column(label=gettext_lazy("Why they stay apart")),
    parts.Column(label=gettext_lazy("Since"), is_numeric=True),
]
_EMPTY_QUEUES: Final = {
    "open": (gettext_lazy("No conflicts"), gettext_lazy("Nobody is kept apart by a limit.")),
    "apart": (
        gettext_lazy("Nobody is kept apart by you"),
        gettext_lazy("Pairs that you decide to be two persons are listed here."),
    ),
}


@require_GET
@access.requires(Permission.EDIT_CUSTOMERS)
def choose(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Looks for the customer who is the same person; before anybody searches, those who share something."""
    person = _customer(customer_id)
    text = request.GET.get("with", "").strip()
    found = _found(text) if text else _related(person.id)
    rows = [row for row in customers.customer_rows(found) if row.id != person.id][:MAX_CANDIDATES]
    table = parts.short_table(
        request,
        caption=_("Customers"),
        columns=_CANDIDATE_COLUMNS,
        rows=rows,
        empty=parts.Empty(
            icon="search",
            title=_("Nobody else fits “%(text)s”") % {"text": text} if text else _("Who is the same person?"),
            text=_("Search by name, e-mail, phone in any spelling, card, user id or the customer's number."),
        ),
    )
    return render(
        request, "console/merge.html", {"person": person, "name": name_of(person), "text": text, "table": table}
    )


@require_http_methods(["GET", "POST"])
@access.requires(Permission.EDIT_CUSTOMERS)
def merge(request: HttpRequest, customer_id: int, other_id: int) -> HttpResponse:
    """Shows both beside what they would be together, and makes them one."""
    left, right = _customer(customer_id), _customer(other_id)
    if left.id == right.id:
        messages.info(request, _("They are one customer already."))
        return redirect("customer", left.id)
    origin = FROM_QUEUE if request.GET.get("from") == FROM_QUEUE else ""
    if request.method == "POST":
        done = customers.merge_customers(
            left_id=left.id, right_id=right.id, actor=access.actor_of(request.user), at=timezone.now()
        )
        (merged,) = done.customer_ids
        said = _("They are one customer now: %(link)s. The figures follow in a moment.")
        messages.success(request, _with_links(said, link=_link(_customer(merged))))
        return redirect(origin) if origin else redirect("customer", merged)
    here, preview = brand.current(), customers.preview_merge(left.id, right.id)
    first, second = (left, right) if left.id == preview.winner_id else (right, left)
    context = {
        "first": name_of(first),
        "second": name_of(second),
        "table": _beside(request, first, second, preview=preview, here=here),
        "limits": [words.conflict_reason(limit) for limit in preview.limits],
        "preview": preview,
        "replaced": len(preview.replaced),
        "cancel_url": resolve_url(FROM_QUEUE) if origin else resolve_url("merge_with", customer_id),
    }
    return render(request, "console/merge_preview.html", context)


@require_POST
@access.requires(Permission.EDIT_CUSTOMERS)
def undo(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Takes a merge back: both customers are there again, and stay two."""
    done = customers.undo_merge(merge_id=merge_id, actor=access.actor_of(request.user), at=timezone.now())
    first, *others = [_customer(id_) for id_ in done.customer_ids]
    said = _("They are two customers again: %(first)s and %(second)s. The figures follow in a moment.")
    messages.success(request, _with_links(said, first=_link(first), second=_link(others[0] if others else first)))
    return redirect("customer", first.id)


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def conflicts(request: HttpRequest) -> HttpResponse:
    """Pairs who share an identifier and are two all the same: those to be decided, or those decided to be two."""
    show = "apart" if request.GET.get("show") == "apart" else "open"
    found = customers.conflicts(limit=MAX_CONFLICTS, kept_apart=show == "apart")
    here = brand.current()
    people = {row.id: row for row in customers.customer_rows([id_ for each in found for id_ in each.customer_ids])}
    title, text = _EMPTY_QUEUES[show]
    table = orders.table_of(
        request,
        _("Conflicts of identity"),
        [*_CONFLICT_COLUMNS, *([parts.Column(label=_("Decision"))] if _may_edit(request) else [])],
        [_conflict(each, people=people, here=here) for each in found],
        empty=parts.Empty(icon="check", title=str(title), text=str(text)),
    )
    labels = {"open": _("To decide"), "apart": _("Kept apart by us")}
    tabs = [
        parts.Tab(id=f"show-{key}", label=label, url=f"?show={key}", is_current=key == show)
        for key, label in labels.items()
    ]
    context = {"table": table, "tabs": tabs, "is_open": show == "open", "may_edit": _may_edit(request)}
    return render(request, "console/conflicts.html", context)


@require_POST
@access.requires(Permission.EDIT_CUSTOMERS)
def keep_apart(request: HttpRequest, conflict_id: int) -> HttpResponse:
    """Decides that two customers are two persons, whatever they share."""
    customers.decide_conflict(
        conflict_id=conflict_id, are_same=False, actor=access.actor_of(request.user), at=timezone.now()
    )
    link = format_html('<a class="link" href="{}?show=apart">{}</a>', resolve_url("conflicts"), _("Kept apart by us"))
    messages.success(request, _with_links(_("They stay two customers. You can change that under %(link)s."), link=link))
    return redirect("conflicts")


def name_of(person: Customer | CustomerRow) -> str:
    """What a customer is called on a page: the name, or the number."""
    return person.name or _("Customer %(id)s") % {"id": str(person.id)}


def _may_edit(request: HttpRequest) -> bool:
    return access.may(request.user, Permission.EDIT_CUSTOMERS)


def _customer(customer_id: int) -> Customer:
    try:
        return customers.customer(customer_id)
    except NotFound:
        raise Http404 from None


def _link(person: Customer) -> SafeString:
    return format_html('<a class="link" href="{}">{}</a>', resolve_url("customer", person.id), name_of(person))


def _with_links(said: str, **links: SafeString) -> SafeString:
    """A translated sentence with links in it."""
    return format_html(said.replace("%(", "{").replace(")s", "}"), **links)


def _found(text: str) -> list[int]:
    """Whom a search means, the customer of that number first."""
    found = [row.id for row in customers.search(text, page_size=MAX_CANDIDATES + 1).rows]
    try:
        return [*dict.fromkeys([customers.find(text), *found])]
    except (Invalid, NotFound):
        return found


def _related(customer_id: int) -> list[int]:
    """Those who share an identifier with a customer and are kept apart by a limit."""
    found = customers.conflicts(customer_id=customer_id, limit=MAX_CANDIDATES)
    return [*dict.fromkeys(id_ for each in found for id_ in each.customer_ids if id_ != customer_id)]


def _conflict(each: ConflictRow, *, people: Mapping[int, CustomerRow], here: brand.Brand) -> dict[str, Any]:
    kind, _separator, value = each.shared.partition(":")
    return {
        "conflict": each,
        "people": [_person(id_, people.get(id_), here=here) for id_ in each.customer_ids],
        "left_id": each.customer_ids[0],
        "right_id": each.customer_ids[1],
        "shared_label": words.IDENTIFIER_LABELS[IdentifierType(kind)] if value else "",
        "shared": value,
        "reason": words.conflict_reason(each.reason),
    }


def _person(id_: int, row: CustomerRow | None, *, here: brand.Brand) -> dict[str, Any]:
    """A customer in a queue; one without a row of figures yet has his number alone."""
    features = row.features if row else {}
    return {
        "id": id_,
        "name": name_of(row) if row else _("Customer %(id)s") % {"id": str(id_)},
        "figures": " · ".join(
            [
                _("Orders: %(n)s") % {"n": formats.number(features.get("orders") or 0)},
                formats.money(features.get("revenue_minor") or 0, currency=here.currency),
                _("last seen %(day)s") % {"day": _day(features.get("last_seen_at"), here)},
            ]
        ),
    }


def _beside(
    request: HttpRequest, first: Customer, second: Customer, *, preview: MergePreview, here: brand.Brand
) -> parts.Table:
    """Line by line: what is known of each, and what would be known of both."""
    columns = [
        parts.Column(label=_("What")),
        parts.Column(label=name_of(first)),
        parts.Column(label=name_of(second)),
        parts.Column(label=_("Together")),
    ]
    together = customers.display_name({name: trait.value for name, trait in preview.traits.items()})
    names = {"label": _("Name"), "cells": [[name] if name else [] for name in (first.name, second.name, together)]}
    rows = [names, *_figures(first, second, here=here), *_said(first, second, preview=preview)]
    return parts.short_table(
        request, caption=_("Both customers"), columns=columns, rows=rows, empty=parts.Empty(icon="users", title="")
    )


def _figures(first: Customer, second: Customer, *, here: brand.Brand) -> list[dict[str, Any]]:
    both = (first, second)

    def figures(name: str) -> list[Any]:
        known = [person.features.get(name) or 0 for person in both]
        return [*known, sum(known)]

    def moments(name: str, *, is_first: bool) -> list[str]:
        known = [person.features.get(name) for person in both]
        said = [at for at in known if at]
        together = (min(said) if is_first else max(said)) if said else None
        return [_day(at, here) for at in (*known, together)]

    keys = [[identifier.value for identifier in person.identifiers] for person in both]
    return [
        {"label": _("Number"), "cells": [[str(person.id)] for person in both] + [[str(min(p.id for p in both))]]},
        {"label": _("Identifiers"), "cells": [*keys, keys[0] + keys[1]]},
        {"label": _("Orders"), "cells": [[formats.number(n)] for n in figures("orders")]},
        {
            "label": _("Revenue"),
            "cells": [[formats.money(n, currency=here.currency)] for n in figures("revenue_minor")],
        },
        {"label": _("First seen"), "cells": [[day] for day in moments("first_seen_at", is_first=True)]},
        {"label": _("Last seen"), "cells": [[day] for day in moments("last_seen_at", is_first=False)]},
    ]


def _said(first: Customer, second: Customer, *, preview: MergePreview) -> list[dict[str, Any]]:
    """The traits of either, those that would be replaced first."""
    known = {*first.traits, *second.traits} - (_TOLD_ABOVE - preview.replaced.keys())
    names = sorted(known, key=lambda name: (name not in preview.replaced, name))
    return [
        {
            "label": customers.label_of_trait(name),
            "cells": [
                [words.trait_text(traits[name].value)] if name in traits else []
                for traits in (first.traits, second.traits, preview.traits)
            ],
            "is_replaced": name in preview.replaced,
        }
        for name in names
    ]


def _day(at: datetime | None, here: brand.Brand) -> str:
    return formats.short_date(at.astimezone(here.zone).date() if at else None)


def undo_terms(person: Customer, merges: Sequence[Any]) -> list[dict[str, Any]]:
    """The merges of a customer as his page shows them, with who would leave him again."""
    keys = {identifier.profile_id: identifier.value for identifier in person.identifiers}
    return [
        {
            "merge": each,
            "reason": words.merge_reason(each.reason),
            "loser": keys.get(each.loser_id, ""),
            "dialog": f"undo-{each.id}",
            "url": resolve_url("undo_merge", each.id),
        }
        for each in merges
    ]
