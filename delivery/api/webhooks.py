from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery.models import WebhookAttempt, WebhookCall, WebhookEndpoint
from delivery.services import webhooks as services
from delivery.states import CallState
from emailseq.lib.api.fields import ResourceSerializer, Strict


class WebhookEndpointSerializer(ResourceSerializer):
    types = serializers.ListField(
        child=serializers.CharField(max_length=110),
        max_length=50,
        help_text="Event types: message.sent, message.*, custom.order_placed, or * for all.",
    )
    thin = serializers.BooleanField(required=False, help_text="Bodies with ids only.")

    class Meta:
        model = WebhookEndpoint
        fields = [
            *("id", "url", "types", "thin", "state", "disabled_reason"),
            *("failing_since", "succeeded_at", "created_at"),
        ]
        read_only_fields = ["state", "disabled_reason", "failing_since", "succeeded_at"]


class SecretSerializer(WebhookEndpointSerializer):
    """With its secret, which is shown this once."""

    secret = serializers.CharField(read_only=True, help_text="whsec_…: shown this once.")

    class Meta(WebhookEndpointSerializer.Meta):
        fields = [*WebhookEndpointSerializer.Meta.fields, "secret"]


class WebhookAttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    status = serializers.IntegerField(help_text="Of HTTP; 0 when nobody answered.")

    class Meta:
        model = WebhookAttempt
        fields = ["at", "status", "answer", "milliseconds"]


class WebhookCallSerializer(ResourceSerializer):
    attempts = WebhookAttemptSerializer(many=True, read_only=True)

    class Meta:
        model = WebhookCall
        fields = ["id", "type", "state", "due_at", "created_at", "finished_at", "body", "attempts"]


class CallFilters(Strict):
    state = serializers.ChoiceField(CallState.choices, required=False)
    type = serializers.CharField(required=False, max_length=110)


class ReplaySince(Strict):
    since = serializers.DateTimeField()


class ReplayedSerializer(serializers.Serializer[Any]):
    replayed = serializers.IntegerField(help_text="Calls that are made again.")


class WebhookEndpoints(Resource):
    """Where you hear what happens: signed calls (Standard Webhooks), retried for two days."""

    queryset = WebhookEndpoint.objects.all()
    serializer_class = WebhookEndpointSerializer
    inputs = {"replay_since": ReplaySince}
    permissions = reads(
        "webhooks",
        create="webhooks:write",
        rotate_secret="webhooks:write",  # noqa: S106 - a permission
        test="webhooks:write",
        replay_since="webhooks:write",
    )
    verbs = {
        "partial_update": Verb(services.update_endpoint, "webhooks:write"),
        "destroy": Verb(services.delete_endpoint, "webhooks:write", gone=True),
        "enable": Verb(services.enable_endpoint, "webhooks:write"),
        "disable": Verb(services.disable_endpoint, "webhooks:write"),
    }

    @extend_schema(responses={201: SecretSerializer})
    def create(self, request: ApiRequest) -> Response:
        """Tell a URL what happens from now on; the answer has the secret, this once."""
        endpoint, secret = services.create_endpoint(
            request.workspace, by=request.actor, **self.body()
        )
        answer = self.made(endpoint)
        answer.data["secret"] = secret
        return answer

    @extend_schema(responses={200: SecretSerializer})
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: ApiRequest, **_: Any) -> Response:
        """Give it a new secret; calls are signed with the old one, too, for 24 hours."""
        endpoint = self.get_object()
        secret = services.rotate_secret(endpoint, by=request.actor)
        return Response({**self.get_serializer(endpoint).data, "secret": secret})

    @extend_schema(responses={202: WebhookCallSerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: ApiRequest, **_: Any) -> Response:
        """Call it with the type `webhook.test`."""
        call = services.send_test(self.get_object(), by=request.actor)
        return Response(WebhookCallSerializer(call).data, status=202)

    @extend_schema(responses={200: ReplayedSerializer})
    @action(detail=True, methods=["post"], url_path="replay-since")
    def replay_since(self, request: ApiRequest, **_: Any) -> Response:
        """Make every call again that has failed since then."""
        endpoint = self.get_object()
        count = services.replay_since(endpoint, by=request.actor, **self.body())
        return Response({"replayed": count})


def _replay(call: WebhookCall, **arguments: Any) -> None:
    """Make a call again, with the same id and body."""
    services.replay(WebhookCall.objects.filter(pk=call.pk), **arguments)


class WebhookCalls(Resource):
    """The calls of one endpoint, newest first, with every attempt; kept for 30 days."""

    queryset = WebhookCall.objects.prefetch_related("attempts")
    serializer_class = WebhookCallSerializer
    filters = CallFilters
    permissions = reads("webhooks")
    verbs = {"replay": Verb(_replay, "webhooks:write")}

    def get_queryset(self) -> QuerySet[Any]:
        endpoints = WebhookEndpoint.objects.of(self.request.workspace)
        endpoint = self.found(endpoints, self.kwargs["endpoint"])
        return super().get_queryset().filter(endpoint=endpoint)
