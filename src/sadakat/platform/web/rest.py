"""What a caller of the REST API may ask about itself."""

from typing import Any

from sadakat.platform import rest
from sadakat.platform.apikeys import Scope

area = rest.Area("Key", reads=None)


class Me(rest.Answer):
    """The key that asks."""

    name: str
    scopes: list[Scope]


@area.read("/me", answer=Me, example={"name": "Till", "scopes": ["customers:read", "metrics:read"]})
def me(request: rest.Request) -> Any:
    """Who am I.

    The name of the key and its scopes: a way to try a key.
    """
    return request.auth
