"""Changing the common things of the programme by forms; each leads to the preview of what would change."""

from dataclasses import replace
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sadakat.kernel.errors import SadakatError
from sadakat.loyalty.queries import programme as programmes
from sadakat.loyalty.rules.programme import as_json
from sadakat.loyalty.types import EarningRule, Multiplier, Programme
from sadakat.loyalty.web import programme as page
from sadakat.loyalty.web import words
from sadakat.loyalty.web.ladder_form import LadderForm, TierForms, filled_tiers, said_tiers
from sadakat.loyalty.web.multiplier_form import MultiplierForm
from sadakat.loyalty.web.programme_forms import BasicsForm, filled_conditions, key_for, names_of
from sadakat.loyalty.web.rule_form import ORDER, RuleForm
from sadakat.platform import access, brand
from sadakat.platform.access import Permission
from sadakat.platform.ui import reasons


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_LOYALTY)
def basics(request: HttpRequest) -> HttpResponse:
    """Membership, the life of points, and paying with them."""
    held, currency = programmes.programme(), brand.current().currency
    form = BasicsForm(request.POST or None, initial=BasicsForm.filled(held, currency=currency))
    if request.POST and form.is_valid() and (answer := _shown(request, form, form.changed(held, currency=currency))):
        return answer
    return _form(request, form, held=held, title=_("Membership, points and paying with them"))


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_LOYALTY)
def rule(request: HttpRequest, key: str = "") -> HttpResponse:
    """One earning rule, a new one without a key."""
    held, currency = programmes.programme(), brand.current().currency
    known = {each.key: each for each in held.rules}
    if key and key not in known:
        raise Http404
    old = known.get(key, EarningRule(key="", name={}, event=ORDER))
    form = RuleForm(request.POST or None, part=old, initial=RuleForm.filled(old, currency=currency))
    if request.POST:
        if "remove" in request.POST:
            others = tuple(each for each in held.rules if each.key != key)
            if answer := _shown(request, form, replace(held, rules=others)):
                return answer
        elif form.is_valid():
            made = form.said(old, currency=currency)
            made = replace(made, key=key or key_for(made.name, taken=_keys(held)))
            if answer := _shown(request, form, replace(held, rules=tuple((known | {made.key: made}).values()))):
                return answer
    title = words.name_of(old.name, default=key) or _("New earning rule")
    return _form(request, form, held=held, title=title, can_remove=bool(key))


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_LOYALTY)
def multiplier(request: HttpRequest, key: str = "") -> HttpResponse:
    """One multiplier, a new one without a key."""
    held = programmes.programme()
    known = {each.key: each for each in held.multipliers}
    if key and key not in known:
        raise Http404
    old = known.get(key)
    tiers = [(tier.key, words.name_of(tier.name, default=tier.key)) for tier in held.ladder.tiers]
    filled = {**filled_conditions(old), "factor": old.factor, "tiers": list(old.tiers)} if old else {"factor": 2}
    form = MultiplierForm(request.POST or None, part=old, tiers=tiers, initial=filled)
    if request.POST:
        if "remove" in request.POST:
            others = tuple(each for each in held.multipliers if each.key != key)
            if answer := _shown(request, form, replace(held, multipliers=others)):
                return answer
        elif form.is_valid():
            made: Multiplier = form.said(key or key_for(names_of(form.cleaned_data), taken=_keys(held)))
            if answer := _shown(request, form, replace(held, multipliers=tuple((known | {made.key: made}).values()))):
                return answer
    title = words.name_of(old.name, default=key) if old else _("New multiplier")
    return _form(request, form, held=held, title=title, can_remove=bool(key))


@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_LOYALTY)
def tiers(request: HttpRequest) -> HttpResponse:
    """The tiers, how they are reached and kept."""
    held, currency = programmes.programme(), brand.current().currency
    form = LadderForm(request.POST or None, initial=LadderForm.filled(held.ladder))
    steps = TierForms(request.POST or None, initial=filled_tiers(held.ladder, currency=currency), prefix="tier")
    if request.POST and form.is_valid() and steps.is_valid():
        made = said_tiers(steps, metric=form.cleaned_data["metric"], old=held.ladder, currency=currency)
        if answer := _shown(request, form, replace(held, ladder=form.said(made))):
            return answer
    return _form(request, form, held=held, title=_("Tiers"), steps=steps)


def _keys(held: Programme) -> set[str]:
    return {each.key for each in held.rules} | {each.key for each in held.multipliers}


def _shown(request: HttpRequest, form: forms.Form, changed: Programme) -> HttpResponse | None:
    """The preview of a changed programme; None where it cannot be one, or no longer: the form then says why."""
    try:
        return page.shown(request, as_json(changed), expected_version=page.opened_version(request))
    except SadakatError as error:
        form.is_valid()  # An error can only be added to a form that has been read.
        form.add_error(None, reasons.shown(error))
        return None


def _form(request: HttpRequest, form: forms.Form, *, held: Programme, title: str, **more: Any) -> HttpResponse:
    # A form that was opened before somebody changed the programme stays one of then, however often it is sent.
    version = request.POST.get("version", str(held.version))
    context = {"form": form, "title": title, "version": version, **more}
    return render(request, "loyalty/programme_form.html", context, status=422 if form.errors else 200)
