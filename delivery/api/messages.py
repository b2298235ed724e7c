from __future__ import annotations

from base64 import b64decode
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery.enclosures import File
from delivery.models import SenderIdentity, TransactionalMessage
from delivery.services import transactional as services
from emailseq.lib.api.fields import Email, Reference, ResourceSerializer, Strict
from emailseq.lib.api.parsers import FilesParser
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
            *("id", "template", "subscriber", "email", "sender", "send_at", "expires_at"),
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


@extend_schema_field(OpenApiTypes.BYTE)
class Base64(serializers.Field[bytes, str, str, Any]):
    """Bytes, as RFC 4648 §4 writes them."""

    def to_internal_value(self, data: Any) -> bytes:
        try:
            return b64decode(data, validate=True)
        except (TypeError, ValueError) as error:
            raise serializers.ValidationError("This is not base64.", "invalid") from error


class AttachedFile(Strict):
    """A file that goes with a message."""

    name = serializers.CharField()
    content_type = serializers.CharField(default="application/octet-stream")
    content = Base64(help_text="In base64.")

    def validate(self, attrs: dict[str, Any]) -> Any:
        return File(**attrs)


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
    expires_at = serializers.DateTimeField(
        required=False, help_text="It is skipped if it has not left by then."
    )
    headers = serializers.DictField(
        child=serializers.CharField(trim_whitespace=False),
        required=False,
        help_text="`X-…`, `References` and `In-Reply-To`.",
    )
    attachments = serializers.ListField(
        child=AttachedFile(), required=False, help_text="5 at most, and 5 MB in all."
    )


class Messages(Resource):
    """Transactional messages: what a program has asked to be sent to one person."""

    queryset = TransactionalMessage.objects.select_related(
        "template", "subscriber", "sender"
    ).with_state()
    serializer_class = MessageSerializer
    inputs = {"create": NewTransactionalMessage}
    parser_classes = (FilesParser,)
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
