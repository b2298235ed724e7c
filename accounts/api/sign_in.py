"""Who calls, and how a person gets the tokens to call with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework_simplejwt import serializers as simplejwt
from rest_framework_simplejwt.exceptions import TokenError

from accounts import services
from accounts.api.resources import Endpoint
from accounts.authentication import ANY, ApiRequest
from accounts.models import APIKey, Workspace
from accounts.services import second_factor
from accounts.throttles import SignInThrottle
from emailseq.lib.api.fields import ResourceSerializer, Strict
from emailseq.lib.api.problems import Refused


class WorkspaceSerializer(ResourceSerializer):
    class Meta:
        model = Workspace
        fields = ["id", "name", "slug", "time_zone"]


class MeSerializer(serializers.Serializer[Any]):
    """Who is calling, and what that caller may do."""

    kind = serializers.ChoiceField(["api_key", "user"])
    id = serializers.CharField()
    name = serializers.CharField()
    workspace = WorkspaceSerializer()
    scopes = serializers.ListField(child=serializers.CharField())
    rate = serializers.CharField()


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
            "rate": getattr(credential, "rate", "") or settings.API_RATE,
        }
        return Response(self.get_serializer(me).data)


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SignIn(Strict, simplejwt.TokenObtainPairSerializer):
    """An address and a password, and a code of who has a second factor."""

    otp = serializers.CharField(
        required=False, help_text="Of the authenticator app, or a recovery code."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        code = attrs.pop("otp", "")
        simplejwt.TokenObtainSerializer.validate(self, attrs)
        user: Any = self.user
        if second_factor.has(user):
            if not code:
                raise Refused("otp_required", "Send the code of your authenticator app as otp.")
            ip = self.context["request"].META["REMOTE_ADDR"]
            if not second_factor.check(user, code, ip=ip):
                raise AuthenticationFailed("This code is wrong, used, or one too many.")
        refresh: Any = self.get_token(user)
        return {"refresh": str(refresh), "access": str(refresh.access_token)}


class Refresh(Strict, simplejwt.TokenRefreshSerializer):
    """A refresh token, which is used up by this."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        try:
            with transaction.atomic():
                return super().validate(attrs)
        except (TokenError, ObjectDoesNotExist) as error:
            services.revoke_copied(attrs["refresh"])
            raise AuthenticationFailed("The refresh token is not valid.") from error


class Revoke(Strict, simplejwt.TokenBlacklistSerializer):
    """A refresh token that shall not be used again."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            return super().validate(attrs)
        except TokenError as error:
            raise AuthenticationFailed("The refresh token is not valid.") from error


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
        """Trade an address and a password, and a code where one is set up, for tokens."""
        return Response(self.body())

    def refresh(self, request: ApiRequest) -> Response:
        """Trade a refresh token for new tokens. A used one that comes back ends all others."""
        return Response(self.body())

    @extend_schema(responses={204: None})
    def revoke(self, request: ApiRequest) -> Response:
        """End a refresh token."""
        self.body()
        return Response(status=204)
