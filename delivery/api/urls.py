from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from delivery.api.views import Renderings, SenderIdentities, Timeline

router = SimpleRouter(trailing_slash=False)
router.register("sender-identities", SenderIdentities, basename="sender-identities")

urlpatterns = [
    path(
        "subscribers/<str:id>/timeline",
        Timeline.as_view({"get": "list"}, basename="timeline"),
    ),
    path(
        "templates/<str:id>/render",
        Renderings.as_view({"post": "render"}, basename="templates"),
    ),
    *router.urls,
]
