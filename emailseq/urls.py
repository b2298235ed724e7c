from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from accounts import web as accounts
from emailseq import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/<token>/", accounts.login, name="login"),
    path("api/", include("emailseq.api_urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("", include("delivery.urls")),
]
