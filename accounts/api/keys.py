from __future__ import annotations

from collections.abc import Collection
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts import services
from accounts.api.resources import Resource, Verb
from accounts.authentication import ApiRequest
from accounts.models import APIKey
from emailseq.lib.api.fields import ResourceSerializer
from emailseq.lib.errors import Invalid


class ApiKeySerializer(ResourceSerializer):
    """A server's credential; of its text only the beginning is known."""

    begins = serializers.SerializerMethodField()
    rate = serializers.CharField(
        required=False, allow_blank=True, max_length=16, help_text="E.g. 300/min, else API_RATE."
    )

    class Meta:
        model = APIKey
        fields = [
            *("id", "name", "begins", "scopes", "rate", "expires_at"),
            *("created_at", "last_used_at", "revoked_at"),
        ]
        read_only_fields = ["last_used_at", "revoked_at"]

    def get_begins(self, key: APIKey) -> str:
        return f"sk_{key.visible}"


class NewApiKeySerializer(ApiKeySerializer):
    """With its full text, which is shown this once."""

    key = serializers.CharField(read_only=True, help_text="`sk_…`: shown this once.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


class ApiKeys(Resource):
    """What servers sign in with."""

    queryset = APIKey.objects.all()
    serializer_class = ApiKeySerializer
    permissions = dict.fromkeys(("list", "retrieve", "create", "roll"), "keys:write")
    verbs = {"revoke": Verb(services.revoke_api_key, "keys:write")}
    outbound = ("create", "roll")  # no answer that shows a secret is remembered

    @extend_schema(responses={201: NewApiKeySerializer})
    def create(self, request: ApiRequest) -> Response:
        """Make a key, which can do no more than you can. Its full text is shown this once."""
        given = self.body()
        _check_held(request, given["scopes"])
        maker: Any = request.auth.created_by if isinstance(request.auth, APIKey) else request.user
        made = services.create_api_key(
            request.workspace, by=request.actor, created_by=maker, **given
        )
        return self._with_text(*made)

    @extend_schema(responses={201: NewApiKeySerializer})
    @action(detail=True, methods=["post"])
    def roll(self, request: ApiRequest, **_: Any) -> Response:
        """Make another key like this one, which goes on for 24 hours and then ends. You are told
        its text, so it has to be one that you could make."""
        key = self.get_object()
        _check_held(request, key.scopes)
        return self._with_text(*services.roll_api_key(key, by=request.actor))

    def _with_text(self, key: APIKey, text: str) -> Response:
        answer = self.made(key)
        answer.data["key"] = text
        return answer


def _check_held(request: ApiRequest, scopes: Collection[str]) -> None:
    """Raise Invalid for scopes beyond the caller's: nobody rises by the key they are told."""
    if beyond := sorted(set(scopes) - request.permissions):
        raise Invalid.field("scopes", "scope_missing", f"You lack {', '.join(beyond)}.")
