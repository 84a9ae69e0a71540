"""What the team gets by mail: goals that have turned off track, and weekly briefings with their PDF."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from sadakat.analytics import briefing_words, goal_words
from sadakat.analytics.operations import briefings, goals
from sadakat.analytics.queries import goals as goal_queries
from sadakat.analytics.types.goals import Briefing, Goal
from sadakat.kernel.errors import Refused
from sadakat.platform import access, audit, brand, documents, mail, settings
from sadakat.platform.access import Permission
from sadakat.platform.models import User

log: Final = structlog.get_logger()


def tell_owners(*, at: datetime) -> bool:
    """Mails one owner whose goal has turned off track; says whether there was one.

    Without a mail server, when the server refuses the address for good, or when the owner may no longer see figures,
    the turn counts as told: the console shows it.

    Raises:
        Unavailable: the mail server does not take it; it is tried again.
    """
    for goal_id in goals.goals_to_tell():
        with transaction.atomic(durable=True):
            if not goals.mark_told(goal_id=goal_id, at=at):
                continue
            here = brand.current()
            goal = goal_queries.goal(goal_id, as_of=here.day(at))
            owner = _reader(goal.owner_id)
            if owner is None or not mail.is_configured():
                return True
            with translation.override(owner.language or here.language), _unless_refused(owner):
                _mail_goal(goal, owner, here=here, at=at)
        return True
    return False


def send_briefing(*, at: datetime) -> bool:
    """Mails the week's briefing, which is written, to one reader who waits for it; says whether there was one.

    A reader gets a week once: the row is locked until the server has taken the mail, and then says so. An address that
    the server refuses for good holds up nobody: its reader goes without.

    Raises:
        Unavailable: the mail server does not take it; it is tried again.
    """
    with transaction.atomic(durable=True):
        found = briefings.next_reader(at=at)
        if found is None:
            return False
        reader, one = found
        person = _reader(reader.user_id)
        is_sent = False
        if person is not None and mail.is_configured():
            with translation.override(person.language or brand.current().language), _unless_refused(person):
                _mail_briefing(one, person)
                is_sent = True
        if person is not None and is_sent:
            audit.record(
                actor=audit.SYSTEM,
                at=at,
                action="analytics.briefing_sent",
                subject=f"briefing:{one.id}",
                new={"reader": person.name},
            )
        briefings.mark_sent(reader, one, is_sent=is_sent)
    return True


def briefing_pdf(one: Briefing) -> bytes:
    """A briefing as a PDF, in the language that is active."""
    return documents.pdf(_markup(briefing_words.told(one), brand.current().name))


def briefing_file(one: Briefing) -> str:
    """The name of its PDF."""
    return f"{one.department}-{one.week_start}.pdf"


def _reader(user_id: int) -> User | None:
    """Who may still see figures under this id; None for somebody who has left or has another role now."""
    person = User.objects.filter(id=user_id).first()
    return person if person is not None and access.may(person, Permission.VIEW_ANALYTICS) else None


@contextmanager
def _unless_refused(person: User) -> Iterator[None]:
    """Logs that the server refuses an address for good."""
    try:
        yield
    except Refused as error:
        log.warning("analytics.address_refused", person=person.pk, reason=str(error))


def _mail_goal(goal: Goal, owner: User, *, here: brand.Brand, at: datetime) -> None:
    def text(value: float | None) -> str:
        return goal_words.value_text(value, metric=goal.metric, currency=here.currency)

    context = {
        "goal": goal,
        "owner": owner,
        "metric": goal_words.metric_text(goal),
        "value": text(goal.value),
        "target": text(goal.target),
        "forecast": goal_words.forecast_text(goal.forecast, metric=goal.metric, currency=here.currency),
        "url": settings.current().base_url + reverse("goal", args=[goal.id]),
    }
    subject = _("Off track: %(name)s") % {"name": goal.name}
    _send(owner, subject, "goal", context, message_id=f"goal-{goal.id}-{at:%Y%m%d%H%M%S}")


def _mail_briefing(one: Briefing, reader: User) -> None:
    told = briefing_words.told(one)
    context = {
        "told": told,
        "brand_name": brand.current().name,
        "base_url": settings.current().base_url,
        "url": settings.current().base_url + reverse("briefing", args=[one.id]),
    }
    _send(
        reader,
        f"{told.title}, {told.week}",
        "briefing",
        context,
        message_id=f"briefing-{one.id}-{reader.pk}",
        attachments={briefing_file(one): briefing_pdf(one)},
    )


def _send(person: User, subject: str, template: str, context: dict[str, Any], **rest: Any) -> None:
    said = {**context, "subject": subject, "language": translation.get_language()}
    mail.send(
        to=person.email,
        subject=subject,
        text=render_to_string(f"analytics/mail/{template}.txt", said),
        html=render_to_string(f"analytics/mail/{template}.html", said),
        **rest,
    )


def _markup(told: briefing_words.Told, brand_name: str) -> str:
    """The briefing in Typst; every word of it enters as a string."""
    w: Callable[[object], str] = documents.text
    rows = "".join(
        f"[{w(line.label)}], [{w(line.value)}], [{w(line.before)}], [{w(line.change.text if line.change else '–')}],"
        f" [{w(line.year_change.text if line.year_change else '–')}],\n"
        for line in told.figures
    )
    heads = (_("Figure"), _("Week"), _("Week before"), _("Change"), _("Against the year before"))
    reasons = "".join(
        f"== {w(reason.title)}\n#table(columns: (1fr, auto), stroke: none, align: (left, right),\n"
        + "".join(f"[{w(label)}], [{w(amount)}],\n" for label, amount in reason.parts)
        + ")\n"
        for reason in told.reasons
    )
    needs = "".join(f"- *{w(need.title)}* {w(need.reason)}\n" for need in told.needs) or w(_("Nothing needs you now."))
    language = (translation.get_language() or "en")[:2]
    return f"""#set page(paper: "a4", margin: 2cm)
#set text(font: "Libertinus Serif", size: 10.5pt, lang: {documents.string(language)})
#set document(title: {documents.string(told.title)})
#set table(stroke: none, inset: (x: 0pt, y: 4pt))
{w(brand_name)} · {w(told.week)}
= {w(told.title)}
{w(told.summary)}
= {w(_("What changed"))}
#table(columns: (2fr, 1fr, 1fr, 1fr, 1fr), align: (left, right, right, right, right), column-gutter: 8pt,
table.header({", ".join(f"[*{w(head)}*]" for head in heads)}),
{rows})
= {w(_("Why revenue changed"))} ({w(told.total)})
{reasons}
= {w(_("What needs you"))}
{needs}
"""
