from __future__ import annotations

from rest_framework.routers import SimpleRouter

from subscribers.api.views import Lists, Subscribers, Suppressions

router = SimpleRouter(trailing_slash=False)
router.register("lists", Lists, basename="lists")
router.register("subscribers", Subscribers, basename="subscribers")
router.register("suppressions", Suppressions, basename="suppressions")

urlpatterns = router.urls
