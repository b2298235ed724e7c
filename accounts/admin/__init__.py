from __future__ import annotations

from accounts.admin import audit, keys, team, workspaces

__all__ = ["audit", "keys", "team", "workspaces"]
