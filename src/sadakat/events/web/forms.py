"""What people fill in about sources."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from sadakat.events.types import SourceKind

KIND_LABELS = {
    SourceKind.SERVER: _("Server"),
    SourceKind.BROWSER: _("Browser"),
    SourceKind.IMPORT: _("Import"),
    SourceKind.WEBHOOK: _("Webhook"),
    SourceKind.SYSTEM: _("Sadakat itself"),
}


class NewSource(forms.Form):
    """A source to be added."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What sends, such as Shop server."))
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[(kind.value, label) for kind, label in KIND_LABELS.items() if kind is not SourceKind.SYSTEM],
        help_text=_("A browser key is public, so what it sends is not trusted: no orders, no joining of customers."),
    )


class SourceOptions(forms.Form):
    """What a source may do."""

    is_enabled = forms.BooleanField(label=_("Takes events"), required=False)
    is_trusted = forms.BooleanField(
        label=_("Is trusted"),
        required=False,
        help_text=_("Its traits are written, its e-mails, phones and cards identify."),
    )
    accepts_orders = forms.BooleanField(label=_("Its orders count"), required=False)
    joins_profiles = forms.BooleanField(
        label=_("Joins an anonymous visitor to a known customer"),
        required=False,
        help_text=_("For browsers that you believe when they name a user. Two known customers are never joined."),
    )
    allowed_origins = forms.CharField(
        label=_("Allowed origins"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Pages that may send with this key, one a line, such as https://shop.example.com. Empty: all."),
    )
    namespace = forms.CharField(
        label=_("Order id namespace"),
        required=False,
        max_length=40,
        help_text=_("Only where another source uses the same order ids for other orders."),
    )

    def changes(self) -> dict[str, Any]:
        """The cleaned values as `change_source` takes them."""
        return {**self.cleaned_data, "allowed_origins": self.cleaned_data["allowed_origins"].split()}
