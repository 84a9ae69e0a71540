"""Reports that whoever has a link may read."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F

from sadakat.analytics import models
from sadakat.analytics.types.goals import SharedReport
from sadakat.kernel.errors import Invalid, NotFound, Refused
from sadakat.platform import audit
from sadakat.platform.settings import LANGUAGES

MAX_LINKS: Final = 500
MAX_TITLE_LENGTH: Final = 200
LIFETIMES_DAYS: Final = (7, 30, 90, 365)

MAX_PARAMETERS_LENGTH: Final = 1_000

Check = Callable[[Mapping[str, Any]], object]
"""Raises one of our errors for parameters that a report does not take."""

_checks: dict[str, Check] = {}


class EndedLink(Refused):
    """The link has expired or has been revoked."""

    http_status = 403


def register_report(report: str, check: Check) -> None:
    """Makes a kind of report one that links can lead to; its page is registered with `web.shared`."""
    _checks[report] = check


def create_link(
    *,
    report: str,
    parameters: Mapping[str, Any],
    title: str,
    language: str,
    days: int,
    actor: audit.Actor,
    at: datetime,
) -> tuple[int, str]:
    """Makes a link for `days` days; gives its number, and its token, which cannot be shown again.

    Raises:
        Invalid: no such report, language or lifetime, or parameters that it does not take.
        NotFound: what it is about does not exist.
        Refused: `MAX_LINKS` links are alive already.
    """
    if report not in _checks:
        raise Invalid(f"a report is one of {', '.join(sorted(_checks))}, not {report!r:.40}")
    if len(json.dumps(dict(parameters))) > MAX_PARAMETERS_LENGTH:
        raise Invalid(f"what a shared report is about takes at most {MAX_PARAMETERS_LENGTH} characters")
    _checks[report](parameters)
    name = " ".join(title.split())
    if not 0 < len(name) <= MAX_TITLE_LENGTH or not name.isprintable():
        raise Invalid(f"the title of a shared report has 1 to {MAX_TITLE_LENGTH} printable characters")
    if language not in LANGUAGES:
        raise Invalid(f"a language is one of {', '.join(LANGUAGES)}, not {language!r:.40}")
    if days not in LIFETIMES_DAYS:
        raise Invalid(f"a link lives {', '.join(map(str, LIFETIMES_DAYS))} days, not {days}")
    token = secrets.token_urlsafe(32)
    with transaction.atomic(durable=True):
        if models.ReportLink.objects.filter(revoked_at=None, expires_at__gt=at).count() >= MAX_LINKS:
            raise Refused(f"{MAX_LINKS} links are alive already; revoke one first")
        row = models.ReportLink.objects.create(
            token_hash=_hash(token),
            title=name,
            report=report,
            parameters=dict(parameters),
            language=language,
            created_by=actor.name,
            created_at=at,
            expires_at=at + timedelta(days=days),
        )
        new = {"title": name, "report": report, "parameters": dict(parameters), "days": days}
        audit.record(actor=actor, at=at, action="analytics.link_created", subject=f"link:{row.pk}", new=new)
    return row.pk, token


def revoke_link(*, link_id: int, actor: audit.Actor, at: datetime) -> bool:
    """Ends a link at once and for good; says whether anything changed.

    Raises:
        NotFound: there is no such link.
    """
    with transaction.atomic(durable=True):
        row = models.ReportLink.objects.select_for_update().filter(pk=link_id).first()
        if row is None:
            raise NotFound(f"there is no shared report {link_id}")
        if row.revoked_at is not None:
            return False
        models.ReportLink.objects.filter(pk=link_id).update(revoked_at=at)
        audit.record(
            actor=actor, at=at, action="analytics.link_revoked", subject=f"link:{link_id}", old={"title": row.title}
        )
    return True


def open_link(token: str, *, at: datetime) -> SharedReport:
    """The report that a token opens; counts the view.

    Raises:
        NotFound: the token was never ours.
        EndedLink: it has expired or has been revoked.
    """
    row = models.ReportLink.objects.filter(token_hash=_hash(token)).first()
    if row is None:
        raise NotFound("there is no such shared report")
    if row.revoked_at is not None or row.expires_at <= at:
        raise EndedLink("this link has ended; ask for a new one")
    models.ReportLink.objects.filter(pk=row.pk).update(views=F("views") + 1, seen_at=at)
    return _shared(row)


def links() -> list[SharedReport]:
    """The links: those that are alive first, then the latest."""
    rows = models.ReportLink.objects.order_by(F("revoked_at").desc(nulls_first=True), "-expires_at", "-id")
    return [_shared(row) for row in rows[:MAX_LINKS]]


def _shared(row: models.ReportLink) -> SharedReport:
    return SharedReport(
        id=row.pk,
        title=row.title,
        report=row.report,
        parameters=row.parameters,
        language=row.language,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        views=row.views,
        seen_at=row.seen_at,
    )


def _hash(token: str) -> bytes:
    """What is kept of a token. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
