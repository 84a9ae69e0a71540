"""What rows of files can mean; `config/wiring.py` brings the targets once per process."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from sadakat.events.types import ImportTarget
from sadakat.kernel.errors import Invalid

_targets: Final[dict[str, ImportTarget]] = {}


def register_targets(targets: Iterable[ImportTarget]) -> None:
    """Adds targets; one of the same name is replaced."""
    _targets.update({target.name: target for target in targets})


def targets() -> Mapping[str, ImportTarget]:
    """The registered targets by name, in the order in which they came."""
    return MappingProxyType(_targets)


def target_named(name: str) -> ImportTarget:
    """The target of that name.

    Raises:
        Invalid: there is none.
    """
    if name not in _targets:
        raise Invalid(f"files can be imported as {', '.join(_targets)}, not as {name!r:.60}")
    return _targets[name]
