from __future__ import annotations

from django.apps import AppConfig


class SequencesConfig(AppConfig):
    name = "sequences"
    verbose_name = "Automate"

    def ready(self) -> None:
        from sequences import consumers  # noqa: F401 - registers its consumer
