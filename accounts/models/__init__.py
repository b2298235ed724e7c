from __future__ import annotations

from accounts.models.api_key import APIKey
from accounts.models.audit import AuditEntry
from accounts.models.idempotency import RememberedAnswer
from accounts.models.user import Membership, User
from accounts.models.workspace import Workspace, WorkspaceModel, WorkspaceQuerySet

__all__ = [
    "APIKey",
    "AuditEntry",
    "Membership",
    "RememberedAnswer",
    "User",
    "Workspace",
    "WorkspaceModel",
    "WorkspaceQuerySet",
]
