"""Marketing spend: what it was by month and channel, what is recorded, and recording it by hand."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from sadakat.analytics import api as analytics
from sadakat.analytics import rules
from sadakat.analytics.api import SaidSpend
from sadakat.analytics.types import ChannelSpend, Spend
from sadakat.kernel import money, time
from sadakat.kernel.errors import SadakatError
from sadakat.kernel.time import PeriodKind
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import charts, formats, parts, reasons
from sadakat.platform.ui.days import day_field

MONTHS: Final = 12
_MONTH: Final = PeriodKind.MONTH
PAGE_SIZE: Final = 50
_MONTH_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Month")),
    parts.Column(label=gettext_lazy("Channel")),
    parts.Column(label=gettext_lazy("Spend"), is_numeric=True),
]
_RECORD_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Days")),
    parts.Column(label=gettext_lazy("Channel")),
    parts.Column(label=gettext_lazy("Campaign")),
    parts.Column(label=gettext_lazy("Amount"), is_numeric=True),
    parts.Column(label=gettext_lazy("As recorded"), is_numeric=True),
]
_CHANGE_COLUMN: Final = parts.Column(label=gettext_lazy("Change"))


class SpendForm(forms.Form):
    """A spend to be recorded."""

    channel = forms.CharField(
        label=gettext_lazy("Channel"),
        max_length=100,
        help_text=gettext_lazy("Such as Google Ads, Instagram or e-mail."),
    )
    campaign = forms.CharField(label=gettext_lazy("Campaign"), max_length=rules.MAX_CAMPAIGN_LENGTH, required=False)
    from_date = day_field(label=gettext_lazy("From"))
    to_date = day_field(label=gettext_lazy("To"))
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        min_value=0,
        max_value=rules.MAX_SPEND,
        max_digits=16,
        decimal_places=4,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=gettext_lazy("Of all these days together; 0 removes what was recorded."),
    )
    currency = forms.CharField(label=gettext_lazy("Currency"), min_length=3, max_length=3)

    def said(self) -> SaidSpend:
        """What was filled in, as the operation takes it."""
        values = self.cleaned_data
        return SaidSpend(**values | {name: str(values[name]) for name in ("from_date", "to_date")})


@require_GET
@access.requires(Permission.VIEW_ANALYTICS)
def spend(request: HttpRequest) -> HttpResponse:
    """What was spent; a record named in the address stands in the form, to be corrected."""
    here = brand.current()
    form = SpendForm(initial={"currency": here.currency, **request.GET.dict()})
    return _page(request, form)


@require_POST
@access.requires(Permission.MANAGE_SPEND)
def record(request: HttpRequest) -> HttpResponse:
    """Records a spend, in place of what was recorded of the same days, channel and campaign."""
    form = SpendForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        analytics.record_spend(form.said(), actor=access.actor_of(request.user), at=timezone.now())
    except SadakatError as error:
        form.add_error(None, reasons.shown(error))
        return _page(request, form)
    messages.success(request, _("Recorded. The list shows it in a moment, the figures within a minute."))
    return redirect("spend")


def _page(request: HttpRequest, form: SpendForm) -> HttpResponse:
    here = brand.current()
    months = _months(here.day(timezone.now()))
    by_channel = analytics.spend_by_channel(since=months[0], until=time.period_containing(months[-1], kind=_MONTH).end)
    may_change = access.may(request.user, Permission.MANAGE_SPEND)
    ask = parts.asked(request, columns=_RECORD_COLUMNS, usual_order="")
    rows, total = analytics.spends(limit=PAGE_SIZE, offset=(ask.page - 1) * PAGE_SIZE)
    context = {
        "form": form,
        "may_change": may_change,
        "may_import": access.may(request.user, Permission.IMPORT),
        "chart": _chart(by_channel, months, currency=here.currency) if by_channel else None,
        "by_channel": parts.short_table(
            request,
            caption=_("By month and channel"),
            columns=_MONTH_COLUMNS,
            rows=by_channel[::-1],
            empty=parts.Empty(icon="wallet", title=_("Nothing recorded in the last 12 months")),
        ),
        "records": parts.table(
            request,
            caption=_("What is recorded"),
            columns=[*_RECORD_COLUMNS, _CHANGE_COLUMN] if may_change else _RECORD_COLUMNS,
            rows=[_row(one, number=number) for number, one in enumerate(rows)],
            total=total,
            page_size=PAGE_SIZE,
            ask=ask,
            empty=parts.Empty(
                icon="wallet",
                title=_("No marketing spend recorded yet"),
                text=_("Record it by hand, import a file, or let a server send Marketing Spend Recorded events."),
            ),
        ),
    }
    return render(request, "analytics/spend.html", context)


def _months(day: date) -> list[date]:
    """The first days of the latest months, that of `day` the last."""
    months = [day.replace(day=1)]
    while len(months) < MONTHS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months[::-1]


def _chart(by_channel: tuple[ChannelSpend, ...], months: list[date], *, currency: str) -> charts.Chart:
    sums = {
        month: sum(one.amount.amount_minor for one in group)
        for month, group in groupby(by_channel, key=lambda one: one.month)
    }
    return charts.bars(
        title=_("Marketing spend by month"),
        label_name=_("Month"),
        value_name=_("Spend"),
        labels=[formats.month(month) for month in months],
        values=[sums.get(month) for month in months],
        show=lambda value: formats.money(value, currency=currency, has_decimals=False),
        show_tick=lambda value: formats.compact_money(value, currency=currency),
    )


def _row(one: Spend, *, number: int) -> dict[str, Any]:
    amount: Decimal = money.to_major(one.said.amount_minor, currency=one.said.currency)
    return {
        "spend": one,
        "dialog": f"remove-{number}",
        "is_one_day": one.from_date == one.to_date,
        "key": {
            "channel": one.channel,
            "campaign": one.campaign,
            "from_date": str(one.from_date),
            "to_date": str(one.to_date),
            "currency": one.said.currency,
        },
        "amount": str(amount),
    }
