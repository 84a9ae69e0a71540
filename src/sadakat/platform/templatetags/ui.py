"""The user interface kit in templates: `{% load ui %}`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

from sadakat.kernel import text as kernel_text
from sadakat.platform.ui import charts, formats, heat, parts, reasons

register = template.Library()

for _name in ("number", "compact", "percent", "percent_change", "points_change"):
    register.filter(_name, getattr(formats, _name))
for _name in ("long_date", "short_date", "day_month", "month"):
    register.filter(_name, getattr(formats, _name))
register.filter("money", lambda amount_minor, currency: formats.money(amount_minor, currency=currency))
register.filter(
    "round_money",
    lambda amount_minor, currency: formats.money(amount_minor, currency=currency, has_decimals=False),
)
register.filter("compact_money", lambda amount_minor, currency: formats.compact_money(amount_minor, currency=currency))
register.filter("instant", lambda at, zone: formats.instant(at, zone=zone))
register.filter("local_date", lambda at, zone: formats.short_date(at and at.astimezone(zone).date()))
register.filter("clock", lambda at, zone: formats.clock(at, zone=zone))
register.filter("relative", lambda at, now: formats.relative(at, now=now))
register.filter("told", reasons.shown)


@register.filter
def identifier(key: str) -> str:
    """The value of an identifier key `TYPE:VALUE`."""
    return key.partition(":")[2]


@register.filter
def toast_icon(level: str) -> str:
    """The icon of a message's level."""
    return {"success": "check", "warning": "triangle-alert", "error": "circle-alert"}.get(level, "info")


@lru_cache(maxsize=256)
def _icon(name: str) -> SafeString:
    # The stylesheet holds what all icons share: a page has dozens of them.
    shapes = lucide(name).partition(">")[2].replace("\n  ", "").replace(" />", "/>").strip()
    return mark_safe(f'<svg class="i" viewBox="0 0 24 24" aria-hidden="true">{shapes}')  # noqa: S308


@register.simple_tag
def icon(name: str) -> SafeString:
    """A lucide icon beside words; it is not read out."""
    return _icon(name)


@register.simple_tag
def avatar(name: str, *, small: bool = False) -> SafeString:
    """The initials of a name in a circle; not read out, since the name stands beside it."""
    words = name.split()
    letters = [kernel_text.upper(word[0]) for word in (words[:1] + words[1:][-1:])]
    return format_html(
        '<span class="avatar{}" aria-hidden="true">{}</span>',
        " small" if small else "",
        "".join(letters[: 1 if small else 2]),
    )


def _part(name: str, **values: Any) -> SafeString:
    return render_to_string(f"ui/parts/{name}.html", values)


@register.simple_block_tag
def page_header(content: str, *, title: str, note: str = "", portrait: str = "") -> SafeString:
    """The page's heading with its one primary button inside; `portrait` is a name to take initials from."""
    return _part("page_header", title=title, note=note, portrait=portrait, content=content.strip() and content)


@register.simple_block_tag
def card(
    content: str,
    *,
    title: str = "",
    note: str = "",
    id: str = "",  # noqa: A002  the name of the HTML attribute
    css: str = "",
    tabs: Sequence[parts.Tab] = (),
    label: str = "",
    legend: Sequence[charts.Series] = (),
) -> SafeString:
    """A card; with `id` its tabs swap the card alone, `label` names them; `legend` is a chart's."""
    return _part("card", title=title, note=note, id=id, css=css, tabs=tabs, label=label, legend=legend, content=content)


@register.simple_block_tag
def data_table(content: str, table: parts.Table) -> SafeString:
    """A table around the rows that stand inside; the empty state where there are none."""
    return _part("table", table=table, content=content)


@register.simple_block_tag(takes_context=True)
def confirm(
    context: Context,
    content: str,
    *,
    id: str,  # noqa: A002
    button: str,
    title: str,
    action: str,
    verb: str,
    is_destructive: bool = False,
) -> SafeString:
    """A button that opens a dialog, which says what will happen to whom and posts to `action`."""
    return _part(
        "confirm",
        csrf_token=context.get("csrf_token"),
        content=content,
        id=id,
        button=button,
        title=title,
        action=action,
        verb=verb,
        is_destructive=is_destructive,
    )


@register.simple_tag
def figure(value: parts.Figure) -> SafeString:
    """A figure's card."""
    return _part("figure", figure=value)


@register.simple_tag
def chart(value: charts.Chart) -> SafeString:
    """A chart with the table behind it."""
    return _part("chart", chart=value)


@register.simple_tag
def heat_map(value: heat.HeatMap) -> SafeString:
    """A table shaded by its values."""
    return _part("heat_map", map=value)


@register.simple_tag
def needs(values: Sequence[parts.Need]) -> SafeString:
    """What needs the reader."""
    return _part("needs", needs=values)


@register.simple_tag
def choices(tabs: Sequence[parts.Tab], *, label: str, target: str = "") -> SafeString:
    """A segmented control; with `target`, the id of what it swaps."""
    return _part("tabs", tabs=tabs, label=label, target=target)


@register.simple_tag
def empty(value: parts.Empty) -> SafeString:
    """An empty state."""
    return _part("empty", empty=value)


@register.simple_tag
def field(bound: Any) -> SafeString:
    """A form field with label, help and errors."""
    return _part("field", field=bound, is_box=getattr(bound.field.widget, "input_type", "") == "checkbox")


@register.simple_tag
def chip(text: str, *, tone: str = "", icon: str = "") -> SafeString:
    """A word in a pill; a tone always comes with an icon of its own meaning."""
    return format_html('<span class="chip {}">{}{}</span>', tone, _icon(icon) if icon else "", text)


@register.simple_tag
def state(text: str, *, tone: str = "") -> SafeString:
    """A state in a table: a dot and its word."""
    return format_html('<span class="state {}">{}</span>', tone, text)


@register.simple_tag
def progress(value: int, *, maximum: int, label: str, id: str = "progress") -> SafeString:  # noqa: A002
    """How far a long piece of work is, with numbers."""
    text = f"{formats.number(value)} / {formats.number(maximum)}"
    return _part("progress", id=id, value=value, maximum=maximum, label=label, text=text)


@register.simple_tag
def timeline_item(item: parts.TimelineItem) -> SafeString:
    """One line of `<ol class="timeline">`."""
    return _part("timeline_item", item=item)


@register.simple_tag
def definitions(pairs: Sequence[tuple[str, str]]) -> SafeString:
    """Terms and what they are."""
    return _part("definitions", pairs=pairs)


@register.simple_tag
def copyable(value: str, *, label: str, help: str = "", id: str = "copyable") -> SafeString:  # noqa: A002
    """Something to copy, such as a key that is shown once."""
    return _part("copyable", value=value, label=label, help=help, id=id)
