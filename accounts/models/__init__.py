from __future__ import annotations

from accounts.models.api_key import APIKey
from accounts.models.audit import AuditEntry
from accounts.models.idempotency import RememberedAnswer
from accounts.models.team import Concern, FailedSignIn, Invitation
from accounts.models.user import Membership, User
from accounts.models.workspace import Workspace, WorkspaceModel, WorkspaceQuerySet

__all__ = [
    "APIKey",
    "AuditEntry",
    "Concern",
    "FailedSignIn",
    "Invitation",
    "Membership",
    "RememberedAnswer",
    "User",
    "Workspace",
    "WorkspaceModel",
    "WorkspaceQuerySet",
]
