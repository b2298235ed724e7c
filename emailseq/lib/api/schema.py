"""The API described by itself: what every operation has in common, so that no view repeats it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from emailseq.lib.api.problems import MEDIA_TYPE, PROBLEMS

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="The ETag you have read."
)

SELECT = OpenApiParameter("select", str, description="The members to show, with commas between.")

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Repeated with the same key and body within a day, it has its effect once.",
)


class Fault(serializers.Serializer[Any]):
    pointer = serializers.CharField(help_text="A JSON pointer (RFC 6901) into the body.")
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """Why a request was refused (RFC 9457)."""

    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.ChoiceField(choices=sorted(PROBLEMS))
    detail = serializers.CharField(required=False)
    request_id = serializers.CharField()
    errors = Fault(many=True, required=False)  # type: ignore[assignment]


class Schema(AutoSchema):
    """Names, parameters, permissions and problems of an operation, read off its view."""

    view: Any

    def get_operation_id(self) -> str:
        """`sequences_publish`: the resource and the action."""
        return f"{self.view.basename}_{self.view.action}".replace("-", "_")

    def get_summary(self) -> str:
        return f"{self.view.action.replace('_', ' ').capitalize()} ({self.view.basename})"

    def get_description(self) -> str:  # type: ignore[override]
        described = super().get_description()
        needed = self.view.permissions.get(self.view.action)
        return f"{described}\n\nTakes the permission `{needed}`." if needed else described

    def get_request_serializer(self) -> Any:
        return self.view.input_class()

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = [
            OpenApiParameter(name, str, OpenApiParameter.PATH)
            for name in re.findall(r"{(\w+)}", self.path)
        ]
        if self.view.action == "list" and self.view.filters().fields:
            parameters.append(self.view.filters)
        if self.view.action in ("list", "retrieve") and hasattr(self.view, "selected"):
            parameters.append(SELECT)
        verb = getattr(self.view, "verbs", {}).get(self.view.action)
        if verb and verb.guarded:
            parameters.append(IF_MATCH)
        known = self.view.permissions.get(self.view.action)  # whoever calls has a credential
        if self.method == "POST" and known and self.view.action not in self.view.outbound:
            parameters.append(IDEMPOTENCY_KEY)
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        problem = self._get_response_for_code(  # type: ignore[no-untyped-call]
            Problem, "default", [MEDIA_TYPE], direction
        )
        return {**answers, "default": {**problem, "description": "Refused, and why."}}


class Generator(SchemaGenerator):
    """Describes the API once per process: that takes a while, and only new code changes it."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return _described()


@cache
def _described() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.APIKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A server's key, `sk_…`."}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.JWTAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
