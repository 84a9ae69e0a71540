"""What funnels, paths and the journey map may be asked, and the touchpoints that everybody begins with."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sadakat.analytics.types import (
    FunnelQuestion,
    FunnelStep,
    ImprovementStatus,
    MapQuestion,
    PathsQuestion,
    Stage,
    Touchpoint,
)
from sadakat.kernel import predicates
from sadakat.kernel.errors import Invalid
from sadakat.kernel.predicates import EventLeaf, Predicate, Vocabulary
from sadakat.kernel.predicates.parsing import duration
from sadakat.kernel.predicates.types import MAX_NUMBER

STAGES: Final = tuple(Stage)
"""From the first to the last; keys of segments are `stage-` and one of these."""
SESSION_GAP: Final = timedelta(minutes=30)
MIN_STEPS, MAX_STEPS = 2, 8
MAX_PATH_STEPS: Final = 5
MAX_WINDOW: Final = timedelta(days=365)
MAX_DAYS: Final = 3660
MAX_SILENT_DAYS: Final = 90
MAX_TOUCHPOINTS: Final = 20
MAX_TOUCHPOINT_EVENTS: Final = 20
MAX_NAME_LENGTH: Final = 80
MAX_TITLE_LENGTH: Final = 200
MAX_NOTE_LENGTH: Final = 2_000
MAX_IMPROVEMENTS: Final = 50
OPEN: Final = (ImprovementStatus.PLANNED, ImprovementStatus.DOING)
"""How far improvements have come that are still to be done."""
MAX_EVENT_LENGTH: Final = 200
MAX_FUNNELS: Final = 200
OPS: Final = ("is", "is_not", "contains", "at_least", "at_most", "exists")
"""What a step may ask of a property."""
PARTS: Final = ("channel", "source", "city")
PARTS_WITH_NAME: Final = ("segment", "group", "trait")
RECEIVED: Final = frozenset(
    {
        "Campaign Received",
        "Email Sent",
        "Email Delivered",
        "Email Bounced",
        "SMS Delivered",
        "Push Notification Received",
    }
)
"""Done to a customer and not by him: none of them breaks his silence."""
_IN_STORE: Final = {"property": "channel", "is": "store"}


def _touchpoint(key: str, *events: str, having: Mapping[str, Any] | None = None) -> Touchpoint:
    return Touchpoint(key=key, name="", events=events, having=condition(having), document=having or {})


def condition(having: Mapping[str, Any] | None) -> Predicate | None:
    """The predicate of a `having`.

    Raises:
        Invalid: it is none; the text begins with the path to the fault.
    """
    if not having:
        return None
    leaf = predicates.parse(
        {"version": predicates.VERSION, "where": {"event": "*", "having": having}}, vocabulary=Vocabulary()
    )
    assert isinstance(leaf, EventLeaf)
    return leaf.having


DEFAULT_TOUCHPOINTS: Final = (
    _touchpoint("site-visit", "Page Viewed", "Screen Viewed"),
    _touchpoint("product-page", "Product Viewed", "Product List Viewed", "Products Searched"),
    _touchpoint("cart", "Product Added", "Cart Viewed"),
    _touchpoint("check-out", "Checkout Started", "Checkout Step Viewed", "Payment Info Entered"),
    _touchpoint("online-purchase", "Order Completed", having={"not": _IN_STORE}),
    _touchpoint("store-purchase", "Order Completed", having=_IN_STORE),
    _touchpoint("campaign", "Campaign Received", "Email Delivered", "Email Opened", "Email Link Clicked"),
    _touchpoint("coupon", "Coupon Applied", "Coupon Redeemed"),
    _touchpoint("log-in", "Signed In", "Logged In"),
    _touchpoint("sign-up", "Signed Up", "Account Created"),
    _touchpoint("refund", "Order Refunded"),
)


def check_funnel(question: FunnelQuestion) -> None:
    """Refuses what cannot be asked.

    Raises:
        Invalid: the message names what was expected and what came.
    """
    if not MIN_STEPS <= len(question.steps) <= MAX_STEPS:
        raise Invalid(f"a funnel has {MIN_STEPS} to {MAX_STEPS} steps, not {len(question.steps)}")
    if not timedelta(0) < question.window <= MAX_WINDOW:
        raise Invalid(f"the window of a funnel is at most {MAX_WINDOW.days} days, not {question.window}")
    kind, _, name = question.part_by.partition(":")
    if question.part_by and question.part_by not in PARTS and not (kind in PARTS_WITH_NAME and name):
        known = ", ".join([*PARTS, *(f"{each}:…" for each in PARTS_WITH_NAME)])
        raise Invalid(f"a funnel is broken down by {known}, not {question.part_by!r:.60}")
    _check_days((question.until - question.since).days)


def check_paths(question: PathsQuestion) -> None:
    """As `check_funnel`."""
    if not 1 <= question.steps <= MAX_PATH_STEPS:
        raise Invalid(f"a path has 1 to {MAX_PATH_STEPS} steps, not {question.steps}")
    _check_days((question.until - question.since).days)


def check_map(question: MapQuestion) -> None:
    """As `check_funnel`."""
    if not 1 <= question.silent_days <= MAX_SILENT_DAYS:
        raise Invalid(f"silence is told after 1 to {MAX_SILENT_DAYS} days, not {question.silent_days}")
    _check_days((question.until - question.since).days)


def _check_days(days: int) -> None:
    if not 0 < days <= MAX_DAYS:
        raise Invalid(f"the first day comes before the last, and they lie at most {MAX_DAYS} days apart")


def step(said: Mapping[str, Any]) -> FunnelStep:
    """A step as it is kept: `event`, and perhaps `property`, `op` and `value`, all as somebody has typed them.

    >>> step({"event": "Product Viewed", "property": "price", "op": "at_least", "value": "100"}).having
    PropertyLeaf(name='price', test=Comparison(op=<Op.AT_LEAST: 'at_least'>, operand=100.0))

    Raises:
        Invalid: the condition is none.
    """
    name, op, value = (str(said.get(key) or "").strip() for key in ("property", "op", "value"))
    if not name:
        return FunnelStep(event=said["event"])
    if op not in OPS:
        raise Invalid(f"the condition of a step is one of {', '.join(OPS)}, not {op!r:.40}")
    number = _number(value)
    if op in {"at_least", "at_most"}:
        if number is None:
            raise Invalid(f"a number was expected for {name:.60}, not {value!r:.60}")
        return FunnelStep(event=said["event"], having=condition({"property": name, op: number}))
    if op == "exists":
        return FunnelStep(event=said["event"], having=condition({"property": name, "exists": True}))
    # What a shop sends as 7 and what it sends as "7" look the same to whoever types it.
    wanted: list[Any] = [value] if number is None or op == "contains" else [value, number]
    same = {"any": [{"property": name, op if op == "contains" else "is": each} for each in wanted]}
    return FunnelStep(event=said["event"], having=condition({"not": same} if op == "is_not" else same))


def kept_question(said: Mapping[str, Any]) -> dict[str, Any]:
    """A funnel's question without its days, in the one form in which it is kept.

    >>> kept_question({"steps": [{"event": "A", "op": "is"}, {"event": "B"}], "window": "7d", "by": ""})
    {'steps': [{'event': 'A'}, {'event': 'B'}], 'window': '7d', 'per_step': False, 'by': ''}

    Raises:
        Invalid: it cannot be asked.
    """
    window, per_step, by = str(said.get("window")), bool(said.get("per_step")), str(said.get("by") or "")
    steps = [
        {key: str(each[key]) for key in ("event", "property", "op", "value") if key == "event" or each.get("property")}
        for each in said["steps"]
    ]
    day = date(2000, 1, 1)
    check_funnel(
        FunnelQuestion(
            steps=tuple(step(each) for each in steps),
            since=day,
            until=day + timedelta(days=1),
            window=duration(window, "window"),
            is_per_step=per_step,
            part_by=by,
        )
    )
    return {"steps": steps, "window": window, "per_step": per_step, "by": by}


def touchpoint_fields(
    *, key: str, name: str, events: Sequence[str], having: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """Name and `where` of a touchpoint as they are kept.

    Raises:
        Invalid: they cannot be used.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", key):
        raise Invalid(f"the key of a touchpoint has 1 to 40 small letters, digits and -, not {key!r:.60}")
    name = name.strip()
    if len(name) > MAX_NAME_LENGTH:
        raise Invalid(f"a name has 1 to {MAX_NAME_LENGTH} characters, not {len(name)}")
    names = list(dict.fromkeys(each.strip() for each in events if each.strip()))
    if not 1 <= len(names) <= MAX_TOUCHPOINT_EVENTS:
        raise Invalid(f"a touchpoint has 1 to {MAX_TOUCHPOINT_EVENTS} events, not {len(names)}")
    if longest := next((each for each in names if len(each) > MAX_EVENT_LENGTH), None):
        raise Invalid(f"the name of an event has at most {MAX_EVENT_LENGTH} characters, not {len(longest)}")
    condition(having)
    return name, {"events": names} | ({"having": having} if having else {})


def touchpoint_where(touchpoint: Touchpoint) -> dict[str, Any]:
    """What makes a meeting, as it is kept."""
    having = touchpoint.document
    return {"events": list(touchpoint.events)} | ({"having": dict(having)} if having else {})


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < MAX_NUMBER else None
