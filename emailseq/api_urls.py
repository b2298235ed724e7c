"""The API: `/api/v1`, its description and its documentation. Each app brings its own routes."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from emailseq.lib.api.schema import Generator

urlpatterns = [
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    path(
        "v1/openapi.json",
        SpectacularJSONAPIView.as_view(generator_class=Generator),
        name="openapi",
    ),
    path("v1/", include("accounts.api.urls")),
    path("v1/", include("subscribers.api.urls")),
    path("v1/", include("templates_app.api.urls")),
    path("v1/", include("delivery.api.urls")),
    path("v1/", include("sequences.api.urls")),
    path("v1/", include("campaigns.api.urls")),
]
