"""The audit log, read only, and how it is narrowed down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEntry
from emailseq.backoffice.columns import column
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.lib import clock


class Exactly(admin.SimpleListFilter):
    """The entries with one value in a column."""

    column = ""

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class About(Exactly):
    """What kind of thing an entry is about, of those in the recent ones."""

    title = _("about")
    parameter_name, column = "about", "object_kind"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        recent = AuditEntry.objects.of(request.workspace).order_by("-id")
        kinds = set(recent.values_list("object_kind", flat=True)[:2000])
        return [(kind, kind) for kind in sorted(kinds)]


class By(Exactly):
    title = _("by")
    parameter_name, column = "by", "actor_kind"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("user", _("People")),
            ("api_key", _("API keys")),
            ("command", _("Commands")),
            ("system", _("By itself")),
        ]


class Within(admin.SimpleListFilter):
    title = _("within")
    parameter_name = "days"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("A day")), ("7", _("A week")), ("30", _("A month"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        days = self.value()
        if days not in {"1", "7", "30"}:
            return queryset
        return queryset.filter(at__gt=clock.now() - timedelta(days=int(days)))


@admin.register(AuditEntry)
class AuditEntryAdmin(WorkspaceAdmin):
    resource = "audit"
    hint = _("Who changed what. Nobody can edit this log.")
    list_filter = (About, By, Within)
    search_fields = ("actor_label__istartswith", "object_label__istartswith")
    list_display = (
        "at",
        "actor_label",
        "verb",
        "object_label",
        column(
            _("Details"),
            lambda entry: ", ".join(f"{name}: {value}" for name, value in entry.changes.items()),
        ),
    )
