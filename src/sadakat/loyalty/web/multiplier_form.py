"""The form of a multiplier."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from sadakat.loyalty.types import Multiplier
from sadakat.loyalty.web.programme_forms import ANY_STEP, DECIMALS, ConditionsForm


class MultiplierForm(ConditionsForm):
    """A multiplier, such as a double points week."""

    factor = forms.DecimalField(
        label=gettext_lazy("Points are multiplied by"),
        min_value=Decimal("0.000001"),
        max_value=100,
        decimal_places=DECIMALS,
        widget=forms.NumberInput(attrs=ANY_STEP),
    )
    tiers = forms.MultipleChoiceField(
        label=gettext_lazy("Only for these tiers"), required=False, widget=forms.CheckboxSelectMultiple
    )
    PARTS = (
        (gettext_lazy("What it does"), ("name_en", "name_tr", "factor", "starts_on", "ends_on")),
        (gettext_lazy("Only then"), ("channels", "stores", "segment", "tiers")),
    )

    def __init__(self, *args: Any, tiers: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["tiers"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = tiers

    def said(self, key: str) -> Multiplier:
        """The multiplier as it was filled in."""
        said, part = self.cleaned_data, self._part
        tiers = tuple(said["tiers"])
        if isinstance(part, Multiplier) and set(part.tiers) == set(tiers):
            tiers = part.tiers  # in its order
        return Multiplier(key=key, factor=said["factor"], tiers=tiers, **self.common())
