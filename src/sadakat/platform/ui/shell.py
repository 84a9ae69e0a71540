"""What the shell around every page needs."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language, gettext

from sadakat.platform import brand
from sadakat.platform.ui import navigation


def _demo_text(lazy_brand: Any) -> str:
    """What the demo says of its own data, in the reader's language."""
    told = lazy_brand.notes.get("ribbon", {})
    return told.get(get_language()) or gettext("This is a demonstration: a part of the data is generated.")


def context(request: HttpRequest) -> dict[str, Any]:
    """Template variables of the shell.

    They are made when a template asks: an htmx answer without a shell costs nothing.
    """
    lazy_brand = SimpleLazyObject(brand.current)
    return {
        "brand": lazy_brand,
        "navigation": partial(navigation.sections, request),
        "demo_text": partial(_demo_text, lazy_brand),
    }
