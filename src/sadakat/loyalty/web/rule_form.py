"""The form of an earning rule."""

from dataclasses import replace
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.kernel import money
from sadakat.loyalty.rules.checking import MAX_NUMBER
from sadakat.loyalty.types import EarningRule
from sadakat.loyalty.web import words
from sadakat.loyalty.web.programme_forms import (
    ANY_STEP,
    DECIMALS,
    MAX_NAME,
    ConditionsForm,
    amount,
    cap_of,
    filled_conditions,
    in_line,
    listed,
    several,
    whole,
)

ORDER: Final = "order"
_WAYS: Final = {
    "amount": gettext_lazy("points for each amount spent"),
    ORDER: gettext_lazy("a fixed number for an order"),
    "event": gettext_lazy("a fixed number for an event"),
}


class RuleForm(ConditionsForm):
    """One way to earn points. What it does not show, such as further caps, stays as it is."""

    way = forms.ChoiceField(label=gettext_lazy("It gives"), choices=list(_WAYS.items()))
    points = forms.DecimalField(
        label=gettext_lazy("Points"),
        min_value=0,
        max_value=MAX_NUMBER,
        decimal_places=DECIMALS,
        widget=forms.NumberInput(attrs=ANY_STEP),
    )
    unit = amount(gettext_lazy("For each (amount)"), required=False)
    event = forms.CharField(
        label=gettext_lazy("Event"),
        max_length=MAX_NAME,
        required=False,
        help_text=gettext_lazy("Such as Product Reviewed, Signed Up or Survey Answered, as your sources send it."),
    )
    products = several(gettext_lazy("Only for these products"))
    categories = several(gettext_lazy("Only for these categories"))
    brands = several(gettext_lazy("Only for these brands"))
    least = amount(gettext_lazy("Only from this amount on"), required=False)
    nth_orders = several(gettext_lazy("Only a customer's order number"))
    weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("Only on these days"),
        required=False,
        choices=[(str(day), name) for day, name in words.WEEKDAYS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    cap_points = whole(gettext_lazy("At most so many points"), low=1, required=False)
    cap_times = whole(gettext_lazy("At most so many times"), low=1, required=False)
    cap_per = forms.ChoiceField(
        label=gettext_lazy("For each"), choices=[(str(per), label) for per, label in words.PERS.items()]
    )
    PARTS = (
        (gettext_lazy("What it gives"), ("name_en", "name_tr", "way", "points", "unit", "event")),
        (
            gettext_lazy("Only then"),
            (
                "products",
                "categories",
                "brands",
                "channels",
                "stores",
                "least",
                "nth_orders",
                "segment",
                "weekdays",
                "starts_on",
                "ends_on",
            ),
        ),
        (gettext_lazy("Limit"), ("cap_points", "cap_times", "cap_per")),
    )

    @staticmethod
    def filled(rule: EarningRule, *, currency: str) -> dict[str, Any]:
        """The fields as the rule has them."""
        cap = rule.caps[0] if rule.caps else None
        by_amount = rule.points_per_unit is not None
        return {
            **filled_conditions(rule),
            "way": "amount" if by_amount else ORDER if rule.event == ORDER else "event",
            "points": rule.points_per_unit if by_amount else rule.points,
            "unit": money.to_major(rule.unit_minor, currency=currency),
            "event": "" if rule.event == ORDER else rule.event,
            "products": in_line(rule.products),
            "categories": in_line(rule.categories),
            "brands": in_line(rule.brands),
            "least": money.to_major(rule.least_minor, currency=currency) if rule.least_minor else None,
            "nth_orders": ", ".join(map(str, rule.nth_orders)),
            "weekdays": [str(day) for day in rule.weekdays],
            "cap_points": cap and cap.points,
            "cap_times": cap and cap.times,
            "cap_per": cap.per if cap else "month",
        }

    def clean_nth_orders(self) -> tuple[int, ...]:
        """Numbers from 1 on."""
        said = listed(self.cleaned_data["nth_orders"])
        if not all(each.isascii() and each.isdecimal() and 1 <= int(each) < 10**6 for each in said):
            raise forms.ValidationError(_("Numbers with commas between, such as 1, 5, 10."))
        return tuple(map(int, said))

    def clean(self) -> dict[str, Any]:
        """Asks for what its way needs."""
        values = super().clean()
        needed = {"amount": "unit", "event": "event"}.get(values.get("way", ""))
        if needed and not values.get(needed) and needed not in self.errors:
            self.add_error(needed, _("This is needed for what it gives."))
        points = values.get("points")
        if points is not None and points != int(points) and needed != "unit":
            self.add_error("points", forms.IntegerField.default_error_messages["invalid"])
        return values

    def said(self, rule: EarningRule, *, currency: str) -> EarningRule:
        """The rule as it was filled in; `rule` has what the form does not show."""
        said = self.cleaned_data
        by_amount = said["way"] == "amount"
        return replace(
            rule,
            **self.common(),
            event=said["event"] if said["way"] == "event" else ORDER,
            points_per_unit=said["points"] if by_amount else None,
            points=(rule.points if rule.points_per_unit is not None else 0) if by_amount else int(said["points"]),
            unit_minor=money.to_minor(said["unit"], currency=currency) if by_amount else rule.unit_minor,
            products=listed(said["products"]),
            categories=listed(said["categories"]),
            brands=listed(said["brands"]),
            least_minor=money.to_minor(said["least"] or 0, currency=currency),
            nth_orders=said["nth_orders"],
            weekdays=tuple(map(int, said["weekdays"])) if "weekdays" in self.changed_data else rule.weekdays,
            caps=(*cap_of(said), *rule.caps[1:]),
        )
