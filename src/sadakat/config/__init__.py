"""Settings, urls, wiring and ASGI: the only place that knows everybody."""
