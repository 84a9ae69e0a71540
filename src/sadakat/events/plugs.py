"""What higher contexts have plugged into the sockets of this one; `config/wiring.py` fills them once per process."""

from sadakat.events.types import IdentityResolver
from sadakat.kernel.errors import Unavailable

_resolvers: list[IdentityResolver] = []


def register_resolver(resolver: IdentityResolver) -> None:
    """Says who finds identifiers and profiles; the last one registered counts."""
    _resolvers[:] = [resolver]


def resolver() -> IdentityResolver:
    """The registered resolver.

    Raises:
        Unavailable: none is registered, so that nobody's events can be told apart.
    """
    if not _resolvers:
        raise Unavailable("no identity resolver is registered; config.wiring.connect() does it")
    return _resolvers[0]
