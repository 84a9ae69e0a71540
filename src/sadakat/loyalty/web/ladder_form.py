"""The form of the tiers."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy

from sadakat.kernel import money
from sadakat.loyalty.types import Downgrade, Ladder, Tier, TierMetric, TierWindow, Validity
from sadakat.loyalty.web import words
from sadakat.loyalty.web.programme_forms import (
    ANY_STEP,
    DECIMALS,
    MAX_LISTED,
    MAX_NAME,
    Parted,
    key_for,
    names_of,
    whole,
)

MAX_TIERS: Final = 12
MOST_MINOR_DIGITS: Final = 4
"""Of any currency."""


def _choice(label: Any, labels: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[(str(key), text) for key, text in labels.items()])


class LadderForm(Parted):
    """How tiers are reached and kept."""

    metric = _choice(gettext_lazy("What counts"), words.METRICS)
    window = _choice(gettext_lazy("Counted in"), words.WINDOWS)
    window_months = whole(gettext_lazy("Months, where so many are counted"), low=1, high=120)
    validity = _choice(gettext_lazy("A tier holds"), words.VALIDITIES)
    validity_months = whole(gettext_lazy("Months, where it holds so many"), low=1, high=120)
    grace_days = whole(gettext_lazy("Days of grace"), high=366)
    downgrade = _choice(gettext_lazy("Whoever has not earned it again goes"), words.DOWNGRADES)

    PARTS = (
        (gettext_lazy("How a tier is reached"), ("metric", "window", "window_months")),
        (gettext_lazy("How long it holds"), ("validity", "validity_months", "grace_days", "downgrade")),
    )

    @staticmethod
    def filled(ladder: Ladder) -> dict[str, Any]:
        """The fields as the ladder has them."""
        return {name: getattr(ladder, name) for name in LadderForm.base_fields}

    def said(self, tiers: Sequence[Tier]) -> Ladder:
        """The ladder as it was filled in."""
        said = self.cleaned_data
        return Ladder(
            tiers=tuple(sorted(tiers, key=lambda tier: tier.threshold)),
            metric=TierMetric(said["metric"]),
            window=TierWindow(said["window"]),
            window_months=said["window_months"],
            validity=Validity(said["validity"]),
            validity_months=said["validity_months"],
            grace_days=said["grace_days"],
            downgrade=Downgrade(said["downgrade"]),
        )


class TierForm(Parted):
    """One step; without a name it is none."""

    key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=MAX_NAME)
    name_en = forms.CharField(label=gettext_lazy("Name in English"), max_length=MAX_NAME, required=False)
    name_tr = forms.CharField(label=gettext_lazy("Name in Turkish"), max_length=MAX_NAME, required=False)
    threshold = forms.DecimalField(
        label=gettext_lazy("Threshold"),
        min_value=0,
        max_digits=24,
        decimal_places=DECIMALS + MOST_MINOR_DIGITS,
        required=False,
        widget=forms.NumberInput(attrs=ANY_STEP),
    )
    multiplier = forms.DecimalField(
        label=gettext_lazy("Points ×"),
        min_value=Decimal("0.000001"),
        max_value=100,
        decimal_places=DECIMALS,
        required=False,
        widget=forms.NumberInput(attrs=ANY_STEP),
    )
    benefits_en = forms.CharField(
        label=gettext_lazy("Benefits in English, one a line"),
        max_length=MAX_LISTED,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    benefits_tr = forms.CharField(
        label=gettext_lazy("Benefits in Turkish, one a line"),
        max_length=MAX_LISTED,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def heading(self) -> str:
        """What the step is called; empty for a new one."""
        return words.name_of({language: self.initial.get(f"name_{language}", "") for language in ("en", "tr")})

    def clean(self) -> dict[str, Any]:
        """A step without a name is left out, so that nothing is asked of it."""
        return self.cleaned_data


TierForms = forms.formset_factory(TierForm, extra=1, max_num=MAX_TIERS, can_delete=True)


def filled_tiers(ladder: Ladder, *, currency: str) -> list[dict[str, Any]]:
    """The steps as the ladder has them."""
    digits = _minor_digits(ladder.metric, currency=currency)
    return [
        {
            "key": tier.key,
            "name_en": tier.name.get("en", ""),
            "name_tr": tier.name.get("tr", ""),
            "threshold": tier.threshold.scaleb(-digits),
            "multiplier": tier.multiplier,
            "benefits_en": "\n".join(tier.benefits.get("en", ())),
            "benefits_tr": "\n".join(tier.benefits.get("tr", ())),
        }
        for tier in ladder.tiers
    ]


def said_tiers(forms_of_tiers: Any, *, metric: str, old: Ladder, currency: str) -> list[Tier]:
    """The steps that were filled in; what the form does not show stays as it was."""
    before = {tier.key: tier for tier in old.tiers}
    found: dict[str, Tier] = {}
    for form in forms_of_tiers:
        said = form.cleaned_data
        was = before.get(said.get("key", ""))
        names = names_of(said, old=was.name if was else None)
        if not names or said.get("DELETE"):
            continue
        key = was.key if was else key_for(names, taken=[*before, *found])
        threshold = (said["threshold"] or Decimal(0)).scaleb(_minor_digits(metric, currency=currency))
        benefits = {
            language: [line.strip() for line in said[f"benefits_{language}"].splitlines() if line.strip()]
            for language in ("en", "tr")
        }
        was = was or Tier(key=key, name=names, threshold=threshold)
        others = {language: texts for language, texts in was.benefits.items() if language not in benefits}
        found[key] = replace(
            was,
            name=names,
            threshold=threshold,
            multiplier=said["multiplier"] or Decimal(1),
            benefits=others | {language: texts for language, texts in benefits.items() if texts},
        )
    return list(found.values())


def _minor_digits(metric: str, *, currency: str) -> int:
    return money.minor_digits(currency) if metric == TierMetric.SPEND else 0
