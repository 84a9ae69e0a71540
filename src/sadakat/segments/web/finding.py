"""The segment that an address names."""

from django.http import Http404

from sadakat.kernel.errors import NotFound
from sadakat.segments import api as segments
from sadakat.segments.types import Segment


def found_or_404(key: str) -> Segment:
    """The segment of a key.

    Raises:
        Http404: there is none.
    """
    try:
        return segments.segment_named(key)
    except NotFound:
        raise Http404 from None
