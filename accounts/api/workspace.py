from __future__ import annotations

from rest_framework import serializers
from rest_framework.response import Response

from accounts import services
from accounts.api.resources import Endpoint
from accounts.authentication import ApiRequest
from accounts.models import Workspace
from emailseq.lib.api.fields import ResourceSerializer, Strict


class Awake(Strict):
    """When marketing may reach people, on their own clocks unless `zone` is `workspace`."""

    opens = serializers.RegexField(r"\A([01]\d|2[0-3]):[0-5]\d\Z", help_text="E.g. 07:00.")
    closes = serializers.RegexField(r"\A([01]\d|2[0-3]):[0-5]\d\Z", help_text="E.g. 22:00.")
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7),
        required=False,
        min_length=1,
        max_length=7,
        help_text="1 is Monday; by default every day.",
    )
    zone = serializers.ChoiceField(["subscriber", "workspace"], required=False)


class WorkspaceSettingsSerializer(ResourceSerializer):
    awake = Awake(required=False, allow_null=True)
    cap_per_day = serializers.IntegerField(
        required=False, allow_null=True, help_text="Marketing messages to one person in 24 hours."
    )
    cap_per_week = serializers.IntegerField(required=False, allow_null=True)
    approval_above = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="A campaign to more recipients is sent only once a second person approves.",
    )
    second_factor = serializers.BooleanField(
        required=False, help_text="Whether everybody has to sign in with a second factor."
    )
    utm_source = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="utm_source on the links of campaigns and sequences; empty: these have no tags.",
    )
    utm_medium = serializers.CharField(required=False, allow_blank=True, max_length=100)

    class Meta:
        model = Workspace
        fields = [
            *("id", "name", "slug", "postal_address", "time_zone"),
            *("awake", "cap_per_day", "cap_per_week", "approval_above"),
            "second_factor",
            *("utm_source", "utm_medium", "created_at"),
        ]
        read_only_fields = ["slug"]


class WorkspaceSettings(Endpoint):
    """The workspace of the credential: its name, address and clock, and how often it writes."""

    serializer_class = WorkspaceSettingsSerializer
    permissions = {"retrieve": "reports:read", "partial_update": "team:write"}

    def retrieve(self, request: ApiRequest) -> Response:
        return Response(self.get_serializer(request.workspace).data)

    def partial_update(self, request: ApiRequest) -> Response:
        """Change what is given. A cap or quiet hours hold for what is queued already, too."""
        changed = services.update_workspace(request.workspace, by=request.actor, **self.body())
        return Response(self.get_serializer(changed).data)
