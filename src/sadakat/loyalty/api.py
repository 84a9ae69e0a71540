"""The front door of `loyalty`."""

__all__: list[str] = []
