"""Rates of other currencies, and what waits for one."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from sadakat.commerce import api as commerce
from sadakat.commerce.operations import MAX_RATE, RATE_DIGITS
from sadakat.commerce.rules.folding import NO_RATE
from sadakat.events import api as events
from sadakat.kernel.errors import SadakatError
from sadakat.platform import access, audit, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import parts, reasons
from sadakat.platform.ui.days import day_field

audit.register_words({"currency": gettext_lazy("Currency"), "from_date": gettext_lazy("From")})

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Currency")),
    parts.Column(label=gettext_lazy("From")),
    parts.Column(label=gettext_lazy("Rate"), is_numeric=True),
]


class RateForm(forms.Form):
    """A rate to be recorded."""

    currency = forms.CharField(
        label=gettext_lazy("Currency"), min_length=3, max_length=3, help_text=gettext_lazy("Such as EUR or USD.")
    )
    from_date = day_field(
        label=gettext_lazy("From"),
        help_text=gettext_lazy("It holds from this day until the next recorded one."),
    )
    rate = forms.DecimalField(
        label=gettext_lazy("Rate"),
        min_value=0,
        max_value=MAX_RATE,
        max_digits=24,
        decimal_places=RATE_DIGITS,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rate"].help_text = _("How many %(currency)s one unit is worth.") % {"currency": currency}


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_SPEND)
def rates(request: HttpRequest) -> HttpResponse:
    """The recorded rates; a POST records one, in place of that of the same currency and day."""
    here = brand.current()
    form = RateForm(request.POST or None, currency=here.currency)
    if request.method == "POST" and form.is_valid():
        try:
            commerce.set_currency_rate(**form.cleaned_data, actor=access.actor_of(request.user), at=timezone.now())
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("rates")
    table = parts.short_table(
        request,
        caption=_("Currency rates"),
        columns=_COLUMNS,
        rows=commerce.currency_rates(),
        empty=parts.Empty(
            icon="coins",
            title=_("No rates yet"),
            text=_("Orders and spend in another currency wait until its rate is recorded."),
        ),
    )
    context = {"form": form, "table": table, "waiting": events.failed_count(reason=NO_RATE)}
    return render(request, "commerce/rates.html", context)


@require_POST
@access.requires(Permission.MANAGE_SPEND)
def retry(request: HttpRequest) -> HttpResponse:
    """Hands the events that wait for a rate to their consumers again."""
    report = events.retry_failed(reason=NO_RATE, actor=access.actor_of(request.user), at=timezone.now())
    if report.still_failing:
        messages.warning(
            request,
            _("%(solved)d solved, %(left)d still set aside.") % {"solved": report.solved, "left": report.still_failing},
        )
    else:
        messages.success(
            request, ngettext("%(n)d event solved.", "%(n)d events solved.", report.solved) % {"n": report.solved}
        )
    return redirect("rates")
