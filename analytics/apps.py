from __future__ import annotations

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Results"

    def ready(self) -> None:
        from analytics import consumers  # noqa: F401 - registers its consumer
