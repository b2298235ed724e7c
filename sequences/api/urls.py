from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from sequences.api.views import Enrollments, Sequences, Steps, SubscriberEnrollments

router = SimpleRouter(trailing_slash=False)
router.register("sequences", Sequences, basename="sequences")
router.register("sequences/(?P<sequence>[^/]+)/steps", Steps, basename="steps")
router.register("enrollments", Enrollments, basename="enrollments")

urlpatterns = [
    path(
        "subscribers/<str:id>/enrollments",
        SubscriberEnrollments.as_view({"get": "list"}, basename="subscriber-enrollments"),
    ),
    *router.urls,
]
