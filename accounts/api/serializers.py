from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt import serializers as simplejwt
from rest_framework_simplejwt.exceptions import TokenError

from accounts import services
from accounts.models import Workspace
from emailseq.lib.api.fields import ResourceSerializer, Strict


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


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SignIn(Strict, simplejwt.TokenObtainPairSerializer):
    """An address and a password."""


class Refresh(Strict, simplejwt.TokenRefreshSerializer):
    """A refresh token, which is used up by this."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        try:
            with transaction.atomic():
                tokens: dict[str, str] = super().validate(attrs)
        except (TokenError, ObjectDoesNotExist) as error:
            services.revoke_copied(attrs["refresh"])
            raise AuthenticationFailed("The refresh token is not valid.") from error
        return tokens


class Revoke(Strict, simplejwt.TokenBlacklistSerializer):
    """A refresh token that shall not be used again."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            nothing: dict[str, Any] = super().validate(attrs)
        except TokenError as error:
            raise AuthenticationFailed("The refresh token is not valid.") from error
        return nothing
