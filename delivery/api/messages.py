from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery.models import SenderIdentity, TransactionalMessage
from delivery.services import transactional as services
from emailseq.lib.api.fields import Email, Reference, ResourceSerializer, Strict
from subscribers.models import Subscriber
from templates_app.models import Template


class MessageSerializer(ResourceSerializer):
    """A transactional message, and how far it has come."""

    template = Reference(Template.objects.all(), read_only=True)
    subscriber = Reference(Subscriber.objects.all(), read_only=True)
    sender = Reference(SenderIdentity.objects.all(), read_only=True)
    email = serializers.CharField(source="subscriber.email", read_only=True)
    state = serializers.ChoiceField(["queued", "held", "in_doubt", "sent", "skipped", "failed"])
    reason = serializers.CharField(read_only=True, help_text="Why it was not sent.")
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = TransactionalMessage
        fields = [
            *("id", "template", "subscriber", "email", "sender", "send_at"),
            *("state", "reason", "created_at", "finished_at"),
        ]


class Recipient(Strict):
    """One person, by id or address."""

    subscriber = Reference(Subscriber.objects.all(), required=False)
    email = Email(max_length=254, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            detail = "Say to whom: either `subscriber` or `email`."
            raise serializers.ValidationError(detail, "required")
        return attrs


class NewTransactionalMessage(Strict):
    template = Reference(
        Template.objects.filter(archived_at=None).select_related("published_version")
    )
    to = Recipient()
    data = serializers.DictField(required=False, help_text="What the template reads as `data.…`.")  # type: ignore[assignment]
    sender = Reference(
        SenderIdentity.objects.all(), required=False, help_text="Else the workspace's first one."
    )
    send_at = serializers.DateTimeField(required=False)


class Messages(Resource):
    """Transactional messages: what a program has asked to be sent to one person."""

    queryset = TransactionalMessage.objects.select_related(
        "template", "subscriber", "sender"
    ).with_state()
    serializer_class = MessageSerializer
    inputs = {"create": NewTransactionalMessage}
    permissions = reads("delivery", create="messages:send")
    verbs = {"cancel": Verb(services.cancel_transactional, "messages:send")}

    def create(self, request: ApiRequest) -> Response:
        """Send a message to one person, before all others and whatever they have subscribed to."""
        asked = self.body()
        (to,) = asked.pop("to").values()
        made = services.send_transactional(request.workspace, to=to, by=request.actor, **asked)
        answer = self.shown(self.again(made), status=202)
        answer.headers["Location"] = self.location(made)
        return answer
