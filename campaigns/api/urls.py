from __future__ import annotations

from rest_framework.routers import SimpleRouter

from campaigns.api.views import Campaigns

router = SimpleRouter(trailing_slash=False)
router.register("campaigns", Campaigns, basename="campaigns")

urlpatterns = router.urls
