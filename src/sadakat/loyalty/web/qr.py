"""QR codes as pictures in a page."""

from typing import Any, Final

import zxingcpp
from django.utils.html import format_html
from django.utils.safestring import SafeString

QUIET_MODULES: Final = 4
"""Light border that ISO/IEC 18004 asks for."""


def svg(text: str, *, label: str) -> SafeString:
    """The QR code of a text, dark on light in both themes: many scanners read no other. Error correction is M."""
    image = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(add_quiet_zones=False)
    rows: Any = memoryview(image).tolist()  # type: ignore[arg-type]  # its stubs do not say that it is a buffer
    dark = "".join(
        f"M{x + QUIET_MODULES} {y + QUIET_MODULES}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, value in enumerate(row)
        if value == 0
    )
    side = len(rows) + 2 * QUIET_MODULES
    return format_html(
        '<svg viewBox="0 0 {0} {0}" width="220" height="220" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<path d="M0 0h{0}v{0}H0z" fill="#fff"/><path d="{2}" fill="#000"/></svg>',
        side,
        label,
        dark,
    )
