"""The one permission map: role -> permissions, for the admin, the API and the commands alike.

A permission is `<resource>:<right>`; `write` implies `read`. The scopes of an API key are taken
from the same words. Roles are global groups; a membership says who holds which one where.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

RESOURCES = (
    *("subscribers", "lists", "segments", "events", "templates"),
    *("sequences", "campaigns", "delivery", "reports"),
)
DANGEROUS = (
    "subscriptions:confirm",  # record somebody's consent on their behalf
    "subscribers:erase",  # forget somebody for good
    "exports:create",  # take out all that is known of somebody
    "sequences:publish",
    "campaigns:send",
    "messages:send",
    "delivery:pause",
)
_READ = frozenset(f"{resource}:read" for resource in RESOURCES)
_SERVERS = frozenset({"keys:write", "webhooks:read", "webhooks:write"})
_WRITE = frozenset(f"{resource}:write" for resource in RESOURCES)
ALL = _READ | _WRITE | frozenset(DANGEROUS) | _SERVERS | {"team:write", "audit:read"}

_CONTENT = frozenset({"segments:write", "templates:write", "sequences:write", "campaigns:write"})
ROLES: dict[str, frozenset[str]] = {
    "Owner": ALL,
    "Marketer": _READ
    | _CONTENT
    | {"subscribers:write", "lists:write", "subscriptions:confirm"}
    | {"sequences:publish", "campaigns:send", "delivery:pause"},
    "Author": _CONTENT | {"reports:read", "lists:read", "events:read"},
    "Analyst": _READ - {"subscribers:read", "delivery:read"},  # the message log names people
    "Integrator": _READ | _SERVERS | {"events:write", "messages:send"},
    "Operator": frozenset({"delivery:write", "delivery:pause", "reports:read", "audit:read"}),
}


def granted(held: Collection[str], permission: str) -> bool:
    """Whether the permissions `held` include `permission`, directly or through `write`."""
    resource, _, right = permission.partition(":")
    return permission in held or (right == "read" and f"{resource}:write" in held)


def expand(held: Collection[str]) -> frozenset[str]:
    """Everything that the permissions `held` come to, spelt out."""
    return frozenset(permission for permission in ALL if granted(held, permission))


@cache
def of_role(role: str) -> frozenset[str]:
    """What the role called `role` may do; nothing when there is no such role."""
    return ROLES.get(role, frozenset())
