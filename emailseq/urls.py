from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from accounts import web as accounts
from emailseq import health

ICON = RedirectView.as_view(url=f"{settings.STATIC_URL}backoffice/icon.svg")
HOME = RedirectView.as_view(pattern_name="admin:index")

urlpatterns = [
    path("", HOME),
    path("admin", HOME),
    path("admin/account/", include("accounts.urls")),
    path("admin/language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("favicon.ico", ICON),  # where browsers look on pages that name none
    path("login/<token>/", accounts.login, name="login"),
    path("join/<token>/", accounts.join, name="join"),
    path("reset/<key>/", accounts.reset, name="reset"),
    path("api/", include("emailseq.api_urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("", include("subscribers.urls")),
    path("", include("templates_app.urls")),
    path("", include("delivery.urls")),
    path("", include("campaigns.urls")),
]
