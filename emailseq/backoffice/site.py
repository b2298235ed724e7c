from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from accounts.models import User
from emailseq.backoffice import calendar, dashboard, inbox, navigation, reports
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, render_page


class BackofficeSite(UnfoldAdminSite):
    """The back office: Django's admin, seen from one workspace at a time."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Let in what knows its workspace only: other apps bring stock pages of their own."""
        if admin_class is not None and issubclass(admin_class, WorkspaceAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: Request) -> bool:
        return request.user.is_active and request.membership is not None

    def login(self, request: Request, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One door only: the page for signing in. Who is in, and works nowhere, is told so."""
        person: User | AnonymousUser = request.user
        if person.is_authenticated:
            if self.has_permission(request):
                return redirect("admin:index")
            return render_page(request, "backoffice/nowhere.html", title=_("No workspace"))
        target = request.GET.get("next", reverse("admin:index"))
        return redirect(f"{reverse('account_login')}?{urlencode({'next': target})}")

    def password_change(
        self, request: Request, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def extra_urls(self) -> list[URLPattern]:
        return [
            path("workspaces/", self.admin_view(navigation.choose_workspace), name="workspaces"),
            path("reports/", self.admin_view(reports.index), name="reports"),
            path("reports/<str:page>/", self.admin_view(reports.index), name="reports"),
            path(
                "reports/<str:kind>/<int:source_id>/",
                self.admin_view(reports.source),
                name="report",
            ),
            path(
                "reports/<str:kind>/<int:source_id>/clicks/<int:version_id>/",
                self.admin_view(reports.click_map),
                name="click_map",
            ),
            path("calendar/", self.admin_view(calendar.index), name="calendar"),
            path("inbox/", self.admin_view(inbox.index), name="inbox"),
            path("inbox/<int:number>/", self.admin_view(inbox.message), name="inbox_message"),
            path("inbox/<int:number>/html/", self.admin_view(inbox.html), name="inbox_html"),
            path("inbox/<int:number>/source/", self.admin_view(inbox.source), name="inbox_source"),
        ]

    def index(self, request: Request, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return dashboard.index(request)

    def app_index(
        self, request: Request, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The sidebar is by job, not by app: an app has no page of its own."""
        return redirect("admin:index")
