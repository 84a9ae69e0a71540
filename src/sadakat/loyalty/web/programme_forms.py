"""The forms of the programme: each reads the parts that it shows and gives the programme as it would be."""

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sadakat.kernel import money, text
from sadakat.kernel.errors import Invalid
from sadakat.loyalty.rules.checking import MAX_NUMBER, MAX_TEXT_LENGTH
from sadakat.loyalty.rules.programme import read
from sadakat.loyalty.types import (
    ActiveFrom,
    Basis,
    Burning,
    Cap,
    ClawBack,
    EarningRule,
    Expiry,
    Multiplier,
    Per,
    Programme,
    Rounding,
    Span,
)
from sadakat.loyalty.web import words
from sadakat.platform.ui.days import day_field
from sadakat.segments import api as segments

MAX_FILE_BYTES: Final = 500_000
MAX_NAME: Final = MAX_TEXT_LENGTH
MAX_TEXT: Final = MAX_TEXT_LENGTH
MAX_LISTED: Final = 20_000
"""Characters of a field that takes several texts."""
DECIMALS: Final = 6
"""Of numbers of the programme, as its file may have them."""
MAX_DAYS: Final = 3_660
_AS_FILED: Final = "\N{BULLET}"
"""The choice that keeps a rule of customers which only the file can say."""
ANY_STEP: Final = {"step": "any"}
_LANGUAGES: Final = ("en", "tr")


def names_of(values: Mapping[str, Any], *, old: Mapping[str, str] | None = None) -> dict[str, str]:
    """The name in each language that was filled in; `old` has it in languages that forms do not ask for."""
    others = {language: name for language, name in (old or {}).items() if language not in _LANGUAGES}
    said = {language: values[f"name_{language}"] for language in _LANGUAGES if values.get(f"name_{language}")}
    return {**others, **said}


def key_for(names: Mapping[str, str], *, taken: Collection[str]) -> str:
    """A key made of a name, such as `double-points-week`; numbered where it is taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.fold(words.name_of(names))).strip("-")[:40] or "part"
    numbered = (f"{plain}-{n}" for n in range(2, len(taken) + 3))
    return next(key for key in [plain, *numbered] if key not in taken)


def listed(said: str) -> tuple[str, ...]:
    """The values of a field that takes several with commas between; one with a comma in it stands in quotes.

    >>> listed('Kadıköy,  "Moda, sahil", Kadıköy')
    ('Kadıköy', 'Moda, sahil')
    """
    values = next(csv.reader([" ".join(said.splitlines())], skipinitialspace=True), [])
    return tuple(dict.fromkeys(filter(None, map(str.strip, values))))


def in_line(values: Iterable[str]) -> str:
    """The values with commas between, as `listed` reads them.

    >>> in_line(["Kadıköy", "Moda, sahil"])
    'Kadıköy, "Moda, sahil"'
    """
    return ", ".join(
        '"' + text.replace('"', '""') + '"' if "," in text or text.startswith('"') else text for text in values
    )


def _choices(labels: Mapping[Any, str | Promise]) -> list[tuple[str, str | Promise]]:
    return [(str(key), label) for key, label in labels.items()]


def whole(label: Any, *, low: int = 0, high: int = MAX_NUMBER, required: bool = True) -> forms.IntegerField:
    """A whole number within bounds."""
    return forms.IntegerField(label=label, min_value=low, max_value=high, required=required)


def amount(label: Any, *, required: bool = True) -> forms.DecimalField:
    """Money in whole units of the currency."""
    widget = forms.NumberInput(attrs=ANY_STEP)
    return forms.DecimalField(
        label=label, min_value=0, max_digits=14, decimal_places=4, required=required, widget=widget
    )


def name_field(language: str, *, required: bool = False) -> forms.CharField:
    """A name in one language."""
    labels = {"en": gettext_lazy("Name in English"), "tr": gettext_lazy("Name in Turkish")}
    return forms.CharField(label=labels[language], max_length=MAX_NAME, required=required)


def several(label: Any) -> forms.CharField:
    """Values with commas between."""
    return forms.CharField(label=label, max_length=MAX_LISTED, required=False)


class FileForm(forms.Form):
    """A programme as a file."""

    file = forms.FileField(
        label=gettext_lazy("File"), help_text=gettext_lazy("TOML or JSON, as it is downloaded here.")
    )

    def document(self) -> Mapping[str, Any]:
        """What the file says.

        Raises:
            Invalid: it is too large, no text, or neither TOML nor JSON.
        """
        upload = self.cleaned_data["file"]
        if upload.size > MAX_FILE_BYTES:
            raise Invalid(f"a programme's file has at most {MAX_FILE_BYTES} bytes, not {upload.size}")
        try:
            return read(upload.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise Invalid("a programme's file is text in UTF-8") from None


class Parted(forms.Form):
    """A form in parts with headings, in which at least one name is filled in where there are names."""

    PARTS: Sequence[tuple[object, Sequence[str]]] = ()

    def parts(self) -> Iterable[tuple[object, list[forms.BoundField]]]:
        """Each heading with its fields."""
        return [(heading, [self[name] for name in names]) for heading, names in self.PARTS]

    def clean(self) -> dict[str, Any]:
        """Refuses a form without a name."""
        values = super().clean() or self.cleaned_data
        if "name_en" in self.fields and not names_of(values) and "name_en" not in self.errors:
            self.add_error("name_en", _("Give it a name in at least one language."))
        return values


class BasicsForm(Parted):
    """Membership, the life of points, and paying with them."""

    name_en, name_tr = name_field("en"), name_field("tr")
    is_enrolment_automatic = forms.BooleanField(
        label=gettext_lazy("Whoever is known and orders becomes a member by it"), required=False
    )
    award_back_days = whole(gettext_lazy("Orders of so many days before joining earn too"), high=MAX_DAYS)
    basis = forms.ChoiceField(label=gettext_lazy("What of an order counts"), choices=_choices(words.BASES))
    rounding = forms.ChoiceField(label=gettext_lazy("Multiplied points are rounded"), choices=_choices(words.ROUNDINGS))
    active_from = forms.ChoiceField(label=gettext_lazy("Points become active"), choices=_choices(words.ACTIVE_FROM))
    active_after_days = whole(gettext_lazy("Days until then"), high=MAX_DAYS)
    active_on = day_field(label=gettext_lazy("Date"), required=False)
    active_on_event = forms.CharField(label=gettext_lazy("Event"), max_length=MAX_NAME, required=False)
    expiry_span = forms.ChoiceField(label=gettext_lazy("Active points expire"), choices=_choices(words.SPANS))
    expiry_count = whole(gettext_lazy("How many days, months or years"), high=MAX_DAYS)
    claw_back = forms.ChoiceField(
        label=gettext_lazy("Of the points of a refunded order are taken back"), choices=_choices(words.CLAW_BACKS)
    )
    points_step = whole(gettext_lazy("Points are spent in steps of"), low=1)
    step_value = amount(gettext_lazy("One step is worth"))
    least_points = whole(gettext_lazy("At least so many points at a time"))
    most_share = forms.DecimalField(
        label=gettext_lazy("Points pay at most so many per cent of an order"), min_value=0, max_value=100
    )
    hold_minutes = whole(gettext_lazy("A checkout may set points aside for so many minutes"), low=1, high=100_000)

    PARTS = (
        (gettext_lazy("Name"), ("name_en", "name_tr")),
        (gettext_lazy("Membership"), ("is_enrolment_automatic", "award_back_days")),
        (gettext_lazy("Orders"), ("basis", "rounding", "claw_back")),
        (gettext_lazy("Activation"), ("active_from", "active_after_days", "active_on", "active_on_event")),
        (gettext_lazy("Expiry"), ("expiry_span", "expiry_count")),
        (
            gettext_lazy("Paying with points"),
            ("points_step", "step_value", "least_points", "most_share", "hold_minutes"),
        ),
    )

    @staticmethod
    def filled(programme: Programme, *, currency: str) -> dict[str, Any]:
        """The fields as the programme has them."""
        burning = programme.burning
        plain = {name: getattr(programme, name) for name in _PLAIN}
        return {
            **plain,
            "name_en": programme.name.get("en", ""),
            "name_tr": programme.name.get("tr", ""),
            "expiry_span": programme.expiry.span,
            "expiry_count": programme.expiry.count,
            "points_step": burning.points_step,
            "step_value": money.to_major(burning.step_minor, currency=currency),
            "least_points": burning.least_points,
            "most_share": f"{(burning.most_share * 100).normalize():f}",
            "hold_minutes": burning.hold_minutes,
        }

    def changed(self, programme: Programme, *, currency: str) -> Programme:
        """The programme as the form says."""
        said = self.cleaned_data
        return replace(
            programme,
            name=names_of(said, old=programme.name),
            is_enrolment_automatic=said["is_enrolment_automatic"],
            award_back_days=said["award_back_days"],
            basis=Basis(said["basis"]),
            rounding=Rounding(said["rounding"]),
            active_from=ActiveFrom(said["active_from"]),
            active_after_days=said["active_after_days"],
            active_on=said["active_on"],
            active_on_event=said["active_on_event"],
            expiry=Expiry(Span(said["expiry_span"]), said["expiry_count"]),
            claw_back=ClawBack(said["claw_back"]),
            burning=Burning(
                points_step=said["points_step"],
                step_minor=money.to_minor(said["step_value"], currency=currency),
                least_points=said["least_points"],
                most_share=said["most_share"] / 100,
                hold_minutes=said["hold_minutes"],
            ),
        )


_PLAIN: Final = (
    "is_enrolment_automatic",
    "award_back_days",
    "basis",
    "rounding",
    "active_from",
    "active_after_days",
    "active_on",
    "active_on_event",
    "claw_back",
)


class ConditionsForm(Parted):
    """What rules and multipliers have in common."""

    name_en, name_tr = name_field("en"), name_field("tr")
    channels = several(gettext_lazy("Only by these channels"))
    stores = several(gettext_lazy("Only in these stores"))
    segment = forms.ChoiceField(label=gettext_lazy("Only for customers of"), required=False)
    starts_on = day_field(label=gettext_lazy("From"), required=False)
    ends_on = day_field(label=gettext_lazy("To"), required=False)

    def __init__(self, *args: Any, part: EarningRule | Multiplier | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._part = part
        known = segments.names_of(segments.segments())
        own = {}
        if part and part.where is not None:
            # A segment that has been archived is none to choose, and must not become everybody.
            key = _segment_of(part.where)
            own = {key: known.get(key, key)} if key else {_AS_FILED: _("the rule in the file")}
        field = self.fields["segment"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("everybody")), *(own | known).items()]

    def common(self) -> dict[str, Any]:
        """The fields that were filled in, as both kinds take them."""
        said = self.cleaned_data
        where: Mapping[str, Any] | None = {"segment": said["segment"]} if said["segment"] else None
        if self._part and said["segment"] == _AS_FILED:
            where = self._part.where
        return {
            "name": names_of(said, old=self._part.name if self._part else None),
            "channels": listed(said["channels"]),
            "stores": listed(said["stores"]),
            "starts_on": said["starts_on"],
            "ends_on": said["ends_on"],
            "where": where,
        }


def filled_conditions(part: EarningRule | Multiplier) -> dict[str, Any]:
    """The common fields as a rule or multiplier has them."""
    segment = "" if part.where is None else _segment_of(part.where) or _AS_FILED
    return {
        "name_en": part.name.get("en", ""),
        "name_tr": part.name.get("tr", ""),
        "channels": in_line(part.channels),
        "stores": in_line(part.stores),
        "starts_on": part.starts_on,
        "ends_on": part.ends_on,
        "segment": segment,
    }


def _segment_of(where: Mapping[str, Any]) -> str:
    return str(where["segment"]) if set(where) == {"segment"} else ""


def cap_of(said: Mapping[str, Any]) -> list[Cap]:
    """The cap that was filled in, if one was."""
    if said["cap_points"] is None and said["cap_times"] is None:
        return []
    return [Cap(per=Per(said["cap_per"]), points=said["cap_points"], times=said["cap_times"])]
