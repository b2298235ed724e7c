from __future__ import annotations

from rest_framework.routers import SimpleRouter

from templates_app.api.views import Templates

router = SimpleRouter(trailing_slash=False)
router.register("templates", Templates, basename="templates")

urlpatterns = router.urls
