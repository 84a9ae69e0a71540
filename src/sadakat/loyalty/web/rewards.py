"""The catalogue of rewards: the list, adding and changing one, and taking it off."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.kernel import money, time
from sadakat.kernel.errors import SadakatError
from sadakat.loyalty.operations import rewards as operations
from sadakat.loyalty.queries import programme as programmes
from sadakat.loyalty.queries import rewards as queries
from sadakat.loyalty.rules.checking import MAX_NUMBER
from sadakat.loyalty.rules.rewards import Hindrance, closed
from sadakat.loyalty.types import MAX_POINTS, Reward, RewardKind
from sadakat.loyalty.web import telling, words
from sadakat.loyalty.web.pages import may_manage, tabs
from sadakat.loyalty.web.programme_forms import MAX_TEXT, Parted, amount, key_for, name_field, names_of, whole
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.brand import Brand
from sadakat.platform.ui import parts, reasons
from sadakat.platform.ui.days import day_field

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("The reward")),
    parts.Column(label=gettext_lazy("Kind")),
    parts.Column(label=gettext_lazy("Points"), is_numeric=True),
    parts.Column(label=gettext_lazy("Worth"), is_numeric=True),
    parts.Column(label=gettext_lazy("Left"), is_numeric=True),
    parts.Column(label=gettext_lazy("Redeemed"), is_numeric=True),
    parts.Column(label=gettext_lazy("Offered")),
    parts.Column(label=gettext_lazy("State")),
]
_STATES: Final[dict[Hindrance | None, tuple[Any, str]]] = {
    None: (gettext_lazy("offered"), "good"),
    Hindrance.ARCHIVED: (gettext_lazy("archived"), "off"),
    Hindrance.OVER: (gettext_lazy("over"), "off"),
    Hindrance.TO_COME: (gettext_lazy("to come"), ""),
    Hindrance.SOLD_OUT: (gettext_lazy("out of stock"), "bad"),
}
_KEPT: Final = {"stock": "stock", "starts_on": "starts_at", "ends_on": "ends_at"}
"""Fields of the form, with those of the reward that stay as they are unless somebody changes them."""


def _text(label: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=MAX_TEXT, required=False, widget=forms.Textarea(attrs={"rows": 3}))


class RewardForm(Parted):
    """Something that points can be given for."""

    name_en, name_tr = name_field("en"), name_field("tr")
    description_en = _text(gettext_lazy("Description in English"))
    description_tr = _text(gettext_lazy("Description in Turkish"))
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), choices=[(str(kind), label) for kind, label in words.REWARD_KINDS.items()]
    )
    points = whole(gettext_lazy("Points"), low=1, high=MAX_POINTS)
    value = amount(gettext_lazy("Worth to the customer"))
    stock = whole(gettext_lazy("Left in stock"), high=MAX_NUMBER, required=False)
    per_member = whole(gettext_lazy("At most so many for each member"), low=1, high=MAX_NUMBER, required=False)
    tiers = forms.MultipleChoiceField(
        label=gettext_lazy("Only for these tiers"), required=False, widget=forms.CheckboxSelectMultiple
    )
    starts_on = day_field(label=gettext_lazy("From"), required=False)
    ends_on = day_field(label=gettext_lazy("To"), required=False)
    PARTS = (
        (gettext_lazy("What it is"), ("name_en", "name_tr", "description_en", "description_tr", "kind")),
        (gettext_lazy("What it costs"), ("points", "value")),
        (gettext_lazy("Limit"), ("stock", "per_member", "tiers", "starts_on", "ends_on")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What has become of these while the form is open must not come back with it.
        for name in _KEPT:
            self.fields[name].show_hidden_initial = True
        field = self.fields["tiers"]
        assert isinstance(field, forms.MultipleChoiceField)
        ladder = programmes.programme().ladder
        field.choices = [(tier.key, words.name_of(tier.name, default=tier.key)) for tier in ladder.tiers]

    @staticmethod
    def filled(reward: Reward, *, here: Brand) -> dict[str, Any]:
        """The fields as the reward has them."""
        return {
            "name_en": reward.name.get("en", ""),
            "name_tr": reward.name.get("tr", ""),
            "description_en": reward.description.get("en", ""),
            "description_tr": reward.description.get("tr", ""),
            "kind": reward.kind,
            "points": reward.points,
            "value": money.to_major(reward.value_minor, currency=here.currency),
            "stock": reward.stock,
            "per_member": reward.per_member,
            "tiers": list(reward.tiers),
            "starts_on": reward.starts_at and reward.starts_at.astimezone(here.zone).date(),
            "ends_on": words.last_day(reward.ends_at, zone=here.zone),
        }

    def kept(self) -> set[str]:
        """The fields of the reward of which nothing else was said than what the form showed."""
        return {"is_archived"} | {field for name, field in _KEPT.items() if name not in self.changed_data}

    def said(self, *, key: str, here: Brand) -> Reward:
        """The reward as it was filled in."""
        said = self.cleaned_data
        first, last = said["starts_on"], said["ends_on"]
        return Reward(
            key=key,
            name=names_of(said),
            description={
                language: said[f"description_{language}"]
                for language in ("en", "tr")
                if said[f"description_{language}"]
            },
            kind=RewardKind(said["kind"]),
            points=said["points"],
            value_minor=money.to_minor(said["value"], currency=here.currency),
            stock=said["stock"],
            per_member=said["per_member"],
            tiers=tuple(said["tiers"]),
            starts_at=first and time.midnight(first, time_zone=here.zone),
            ends_at=last and time.midnight(last + timedelta(days=1), time_zone=here.zone),
            is_archived=False,
            taken=0,
        )


@require_GET
@access.requires(Permission.VIEW_CUSTOMERS)
def rewards(request: HttpRequest) -> HttpResponse:
    """The catalogue; `?archived=1` with what is not offered any more."""
    here, is_all = brand.current(), request.GET.get("archived") == "1"
    is_manager = may_manage(request)
    table = parts.short_table(
        request,
        caption=_("Rewards"),
        columns=_COLUMNS,
        rows=[_row(each, here=here) for each in queries.rewards(include_archived=is_all)],
        empty=parts.Empty(
            icon="gift",
            title=_("No rewards yet"),
            text=_("A reward is what members can give points for: a discount, a product, an experience, a donation."),
            url=reverse("new_reward") if is_manager else "",
            verb=_("Add a reward"),
        ),
    )
    context = {"table": table, "tabs": tabs(request, "rewards"), "is_all": is_all, "may_manage": is_manager}
    return render(request, "loyalty/rewards.html", context)


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_LOYALTY)
def edit(request: HttpRequest, key: str = "") -> HttpResponse:
    """Changes a reward, or adds one."""
    here = brand.current()
    old = queries.reward(key) if key else None
    form = RewardForm(request.POST or None, initial=RewardForm.filled(old, here=here) if old else {})
    if request.POST and form.is_valid():
        taken = [each.key for each in queries.rewards(include_archived=True)]
        made = form.said(key=key or key_for(names_of(form.cleaned_data), taken=taken), here=here)
        actor = access.actor_of(request.user)
        try:
            operations.save_reward(made, kept=form.kept() if old else (), actor=actor, at=timezone.now())
        except SadakatError as error:
            form.add_error(None, reasons.shown(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("rewards")
    context = {"form": form, "reward": old, "name": words.name_of(old.name, default=old.key) if old else ""}
    return render(request, "loyalty/reward.html", context, status=422 if form.errors else 200)


@require_POST
@access.requires(Permission.MANAGE_LOYALTY)
def archive(request: HttpRequest, key: str) -> HttpResponse:
    """Takes a reward off the catalogue, or back with `restore`."""
    is_archived = "restore" not in request.POST
    operations.archive_reward(key, is_archived=is_archived, actor=access.actor_of(request.user), at=timezone.now())
    messages.success(request, _("The reward is archived.") if is_archived else _("The reward is offered again."))
    return redirect("rewards")


def _row(reward: Reward, *, here: Brand) -> dict[str, Any]:
    starts_on = reward.starts_at and reward.starts_at.astimezone(here.zone).date()
    return {
        "reward": reward,
        "name": words.name_of(reward.name, default=reward.key),
        "description": words.name_of(reward.description),
        "kind": words.REWARD_KINDS[RewardKind(reward.kind)],
        "days": telling.days(starts_on, words.last_day(reward.ends_at, zone=here.zone)) or _("always"),
        "state": _STATES[closed(reward, at=timezone.now())],
    }
