"""Every page's address."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("sadakat.platform.web.urls")),
    path("", include("sadakat.events.web.urls")),
    path("", include("sadakat.analytics.web.urls")),
    path("", include("sadakat.console.web.urls")),
]
