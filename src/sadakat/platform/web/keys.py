"""Keys of the REST API: who has one, what it may do, and when it was last used."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sadakat.kernel.errors import Invalid
from sadakat.platform import access, apikeys, audit
from sadakat.platform.access import Permission
from sadakat.platform.ui import parts

audit.register_words(
    {
        "platform.api_key_created": gettext_lazy("API key added"),
        "platform.api_key_revoked": gettext_lazy("API key revoked"),
        "scopes": gettext_lazy("Scopes"),
    }
)

_COLUMNS: Final = [
    parts.Column(label=gettext_lazy("Name")),
    parts.Column(label=gettext_lazy("Scopes")),
    parts.Column(label=gettext_lazy("Added")),
    parts.Column(label=gettext_lazy("Last used")),
    parts.Column(label=gettext_lazy("State")),
    parts.Column(label=gettext_lazy("Act")),
]


class NewKey(forms.Form):
    """A key to be added: its name, and a box for each scope."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=apikeys.MAX_NAME_LENGTH,
        help_text=gettext_lazy("Who will use it, such as Till."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for scope, label in apikeys.SCOPE_LABELS.items():
            self.fields[scope] = forms.BooleanField(label=scope.value, help_text=str(label), required=False)

    @property
    def boxes(self) -> list[forms.BoundField]:
        """The scopes as fields."""
        return [self[scope] for scope in apikeys.Scope]

    def scopes(self) -> list[str]:
        """The scopes that are ticked."""
        return [scope for scope in apikeys.Scope if self.cleaned_data[scope]]


@require_GET
@access.requires(Permission.MANAGE_KEYS)
def keys(request: HttpRequest) -> HttpResponse:
    """Every key, those that count first."""
    table = parts.short_table(
        request,
        caption=_("API keys"),
        columns=_COLUMNS,
        rows=[(f"revoke-{row.pk}", row) for row in apikeys.every_key()],
        empty=parts.Empty(
            icon="key-round",
            title=_("No API keys yet"),
            text=_("A key lets a till, a call centre or a program of yours ask Sadakat."),
        ),
    )
    return render(request, "platform/keys.html", {"table": table})


@never_cache
@require_http_methods(["GET", "POST"])
@access.requires(Permission.MANAGE_KEYS)
def new(request: HttpRequest) -> HttpResponse:
    """Adds a key and shows it, once."""
    form = NewKey(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row, key = apikeys.create_key(
                name=form.cleaned_data["name"],
                scopes=form.scopes(),
                actor=access.actor_of(request.user),
                at=timezone.now(),
            )
        except Invalid as error:
            form.add_error(None, str(error))
        else:
            return render(request, "platform/key.html", {"key": key, "row": row})
    return render(request, "platform/key_new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@access.requires(Permission.MANAGE_KEYS)
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Ends a key for good."""
    apikeys.revoke_key(key_id=key_id, actor=access.actor_of(request.user), at=timezone.now())
    messages.success(request, _("The key does not count any more."))
    return redirect("api_keys")
