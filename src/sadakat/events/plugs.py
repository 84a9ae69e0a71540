"""What higher contexts have plugged into the sockets of this one; `config/wiring.py` fills them once per process."""

from collections.abc import Callable, Iterable, Mapping

from sadakat.events.types import IdentityResolver
from sadakat.kernel.errors import Unavailable

CustomersOf = Callable[[Iterable[int]], Mapping[int, int]]
"""Profile → customer; profiles that nobody knows are left out."""

_resolvers: list[IdentityResolver] = []
_customers: list[CustomersOf] = []


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


def register_customers(customers_of: CustomersOf) -> None:
    """Says who knows whose a profile is; the last one registered counts."""
    _customers[:] = [customers_of]


def customers_of(profile_ids: Iterable[int]) -> Mapping[int, int]:
    """Profile → customer, as they are now; empty where nobody is registered who knows."""
    return _customers[0](profile_ids) if _customers else {}
