from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery.models import Lane, Transport
from delivery.services import transports as services
from delivery.states import LaneState
from emailseq.lib.api.fields import ResourceSerializer


class LaneSerializer(serializers.ModelSerializer[Lane]):
    """How the way to one group of recipient domains stands, or to all of them."""

    state = serializers.ChoiceField(LaneState.choices)
    until = serializers.DateTimeField(allow_null=True, help_text="When a rest ends.")
    reason = serializers.CharField(help_text="The server's words.")
    health = serializers.FloatField(
        source="brakes.health", help_text="The share of the last 50 answers without fault."
    )
    sent_today = serializers.IntegerField(source="day_count")

    class Meta:
        model = Lane
        fields = [
            *("message_class", "domain_group", "state", "until", "reason"),
            *("health", "rate", "pace", "sent_today"),
        ]


class TransportSerializer(ResourceSerializer):
    shared = serializers.BooleanField(
        source="is_shared", read_only=True, help_text="Serves all workspaces; EMAIL_URL's."
    )
    password = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=4000, trim_whitespace=False
    )
    has_password = serializers.SerializerMethodField()
    callback_secret = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=4000,
        trim_whitespace=False,
        help_text="USER:PASSWORD, or the key that the ESP signs with. Without one its callbacks "
        "are not heard; with one it calls /esp/ and the id.",
    )
    hears_callbacks = serializers.SerializerMethodField()
    stands = LaneSerializer(source="whole", read_only=True)
    lanes = LaneSerializer(source="narrow_lanes", many=True, read_only=True)

    class Meta:
        model = Transport
        fields = [
            *("id", "name", "shared", "kind", "host", "port", "tls", "auth", "username"),
            *("password", "has_password", "callback_secret", "hears_callbacks"),
            *("preference", "weight", "message_class"),
            *("rate", "domain_rate", "max_connections", "daily", "warm_up"),
            *("stands", "lanes", "created_at"),
        ]
        extra_kwargs = {
            "kind": {"help_text": "A mail server, or the API of an ESP. It stays what it is."},
            "host": {"help_text": "May be left out where it is an ESP."},
        }

    def get_has_password(self, transport: Transport) -> bool:
        return bool(transport.password)

    def get_hears_callbacks(self, transport: Transport) -> bool:
        return bool(transport.callback_secret)


class Transports(Resource):
    """Ways to hand messages over, and how they stand."""

    queryset = Transport.objects.in_use().prefetch_related("lanes__transport")
    serializer_class = TransportSerializer
    outbound = ("test",)
    permissions = reads("delivery", create="delivery:write", test="delivery:write")
    verbs = {
        "partial_update": Verb(services.update_transport, "delivery:write"),
        "destroy": Verb(services.archive_transport, "delivery:write", gone=True),
        "pause": Verb(services.pause_transport, "delivery:write"),
        "resume": Verb(services.resume_transport, "delivery:write"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Make a transport of this workspace; from then on it uses its own ones only."""
        return self.make(services.create_transport)

    @action(detail=True, methods=["post"])
    def test(self, request: ApiRequest, **_: Any) -> Response:
        """Connect, sign in and leave again; 409 with the server's words where that fails."""
        transport = self.get_object()
        services.test_transport(transport, by=request.actor)
        return self.shown(self.again(transport))
