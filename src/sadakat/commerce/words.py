"""What channels are called."""

from django.utils.translation import gettext as _


def channel_name(channel: str) -> str:
    """A channel in the reader's language; one of the shop's own stays as it is."""
    return {"online": _("Online shop"), "store": _("Store"), "call_centre": _("Call centre")}.get(channel, channel)
