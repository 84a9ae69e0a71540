"""The collector alone, for the benchmark: as it is, and answering without storing."""

from sadakat.config import asgi


def storing() -> asgi.ASGI:
    """What `sadakat serve` runs for `/v1/`."""
    return asgi.collector()


def answering() -> asgi.ASGI:
    """The same server: it reads, checks and answers, and stores nothing."""
    return asgi.collector(stores=False)
