from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class BackofficeSite(UnfoldAdminSite):
    """The back office: Django's admin, seen from one workspace at a time."""
