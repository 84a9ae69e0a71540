"""The collector alone, for the benchmark: as it is, and answering without storing."""

from sadakat.config import boot


def storing() -> object:
    """What `sadakat serve` runs for `/v1/`."""
    return _collector(stores=True)


def answering() -> object:
    """The same server: it reads, checks and answers, and stores nothing."""
    return _collector(stores=False)


def _collector(*, stores: bool) -> object:
    boot.start()
    from sadakat.config import asgi

    return asgi.collector(stores=stores)
