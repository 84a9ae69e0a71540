"""Every page's address."""

from django.urls import URLPattern, URLResolver, include, path

from sadakat.config import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls()),
    path("", include("sadakat.platform.web.urls")),
    path("", include("sadakat.events.web.urls")),
    path("", include("sadakat.commerce.web.urls")),
    path("", include("sadakat.segments.web.urls")),
    path("", include("sadakat.analytics.web.urls")),
    path("", include("sadakat.predictions.web.urls")),
    path("", include("sadakat.loyalty.web.urls")),
    path("", include("sadakat.loyalty.web.portal_urls")),
    path("", include("sadakat.loyalty.web.till_urls")),
    path("", include("sadakat.console.web.urls")),
]
