"""Who calls the API: a server by key, a person by JWT; and what that caller may do where.

Both kinds of credential leave the same three things on the request: `workspace`, `actor`, and
`permissions`, which are looked up anew each time, so a role that changes counts at once.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework_simplejwt import authentication as simplejwt
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts import permissions, services
from accounts.audit import Actor
from accounts.models import APIKey, Membership, User, Workspace
from accounts.services import second_factor
from emailseq.lib import ids
from emailseq.lib.api.problems import Refused
from emailseq.lib.errors import Invalid

ANY = ""  # the permission of an action that every valid credential has


class ApiRequest(Request):
    """A request whose credential was found good."""

    workspace: Workspace
    actor: Actor
    permissions: frozenset[str]


class APIKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sk_…`. A key may do what it was given and its creator still may."""

    def authenticate(self, request: Request) -> tuple[Any, APIKey] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not text.startswith("sk_"):
            return None
        key = services.find_api_key(text)
        if key is None:
            raise AuthenticationFailed("There is no such key, or it has ended.")
        _admit(request, key.workspace, Actor.api_key(key), services.rights_of_key(key))
        return key.created_by or AnonymousUser(), key


class JWTAuthentication(simplejwt.JWTAuthentication):
    """`Authorization: Bearer <access token>`; the workspace is named by X-Workspace."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        authenticated: tuple[Any, Token] | None = super().authenticate(request)
        if authenticated is None:
            return None
        user, token = authenticated
        membership = _membership(user, request.headers.get("X-Workspace"))
        if membership.workspace.second_factor and not second_factor.has(user):
            detail = "Everybody here needs a second factor: add one in the back office."
            raise Refused("second_factor_needed", detail)
        held = permissions.of_role(membership.group.name)
        _admit(request, membership.workspace, Actor.user(user), permissions.expand(held))
        return user, token

    def get_validated_token(self, raw_token: bytes) -> AccessToken:
        try:
            return AccessToken(raw_token)  # type: ignore[arg-type]  # it says Token, and takes text
        except ExpiredTokenError as error:
            raise AuthenticationFailed("Refresh it, or sign in again.", "token_expired") from error
        except TokenError as error:
            raise AuthenticationFailed("The access token is not valid.") from error


class HasPermission(BasePermission):
    """The view's `permissions` say what each action needs; without an entry nobody gets in."""

    def has_permission(self, request: ApiRequest, view: Any) -> bool:  # type: ignore[override]
        if request.auth is None:
            return False
        if view.action in (None, "metadata"):  # a method the view does not have: let it say so
            return True
        require(request, view.permissions[view.action])
        return True


def require(request: ApiRequest, permission: str) -> None:
    """Raise Refused, naming the permission, unless the request's credential holds it."""
    if permission != ANY and permission not in request.permissions:
        raise Refused("scope_missing", f"This takes “{permission}”.", scope=permission)


def _admit(request: Any, workspace: Workspace, actor: Actor, held: frozenset[str]) -> None:
    request.workspace, request.actor, request.permissions = workspace, actor, held


def _membership(user: User, named: str | None) -> Membership:
    """The membership the request is about: the one in the named workspace, or the only one."""
    memberships = Membership.objects.filter(user=user).select_related("workspace", "group")
    if named is not None:
        uid = ids.decode("wsp", named)
        memberships = memberships.filter(workspace__uid=uid) if uid else memberships.none()
    candidates = list(memberships[:2])
    if not candidates and named is not None:
        raise NotFound("You belong to no such workspace.")
    if not candidates:
        raise PermissionDenied("You belong to no workspace.")
    if len(candidates) > 1:
        raise Invalid.field("X-Workspace", "required", "Say which workspace: X-Workspace: wsp_…")
    return candidates[0]
