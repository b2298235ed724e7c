from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class EmailseqConfig(AppConfig):
    """The project package is an app, so that its commands, templates and static files are found."""

    name = "emailseq"

    def ready(self) -> None:
        from emailseq import health

        health.register_metrics()


class BackofficeConfig(AdminConfig):
    default_site = "emailseq.backoffice.site.BackofficeSite"
