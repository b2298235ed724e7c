from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accounts.api.resources import Endpoint
from accounts.api.serializers import MeSerializer, Refresh, Revoke, SignIn, TokensSerializer
from accounts.authentication import ANY, ApiRequest
from accounts.models import APIKey
from accounts.throttles import SignInThrottle


class Me(Endpoint):
    serializer_class = MeSerializer
    permissions = {"retrieve": ANY}

    def retrieve(self, request: ApiRequest) -> Response:
        """Who is calling, in which workspace, and what that caller may do there."""
        credential: Any = request.auth if isinstance(request.auth, APIKey) else request.user
        me = {
            "kind": request.actor.kind,
            "id": credential.public_id,
            "name": str(credential),
            "workspace": request.workspace,
            "scopes": sorted(request.permissions),
            "rate": settings.API_RATE,
        }
        return Response(self.get_serializer(me).data)


class Auth(Endpoint):
    """Tokens for people: ten minutes of access, a week of refreshing it."""

    authentication_classes = ()
    permission_classes = ()
    permissions = {"sign_in": ANY, "refresh": ANY, "revoke": ANY}
    serializer_class = TokensSerializer
    inputs = {"sign_in": SignIn, "refresh": Refresh, "revoke": Revoke}

    def get_throttles(self) -> list[BaseThrottle]:
        return [SignInThrottle()] if self.action == "sign_in" else []

    def sign_in(self, request: ApiRequest) -> Response:
        """Trade an address and a password for tokens."""
        return Response(self.body())

    def refresh(self, request: ApiRequest) -> Response:
        """Trade a refresh token for new tokens. A used one that comes back ends all others."""
        return Response(self.body())

    @extend_schema(responses={204: None})
    def revoke(self, request: ApiRequest) -> Response:
        """End a refresh token."""
        self.body()
        return Response(status=204)
