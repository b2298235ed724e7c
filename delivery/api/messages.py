from __future__ import annotations

from base64 import b64decode
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery.enclosures import File
from delivery.models import Outbox, SenderIdentity, SendLedger, TransactionalMessage, Transport
from delivery.services import transactional as services
from delivery.states import MessageState
from emailseq.lib.api import batches
from emailseq.lib.api.batches import Items
from emailseq.lib.api.fields import Email, Reference, ResourceSerializer, Strict
from emailseq.lib.api.parsers import FilesParser
from emailseq.lib.api.schema import Problem
from emailseq.lib.errors import AppError, Invalid
from subscribers.models import Subscriber
from templates_app.models import Template


class MessageSerializer(ResourceSerializer):
    """A transactional message, and how far it has come."""

    template = Reference(Template.objects.all(), read_only=True)
    subscriber = Reference(Subscriber.objects.all(), read_only=True)
    sender = Reference(SenderIdentity.objects.all(), read_only=True)
    email = serializers.CharField(source="subscriber.email", read_only=True)
    state = serializers.ChoiceField(MessageState.choices)
    reason = serializers.CharField(read_only=True, help_text="Why it was not sent.")
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = TransactionalMessage
        fields = [
            *("id", "template", "subscriber", "email", "sender", "send_at", "expires_at"),
            *("track", "language"),
            *("state", "reason", "created_at", "finished_at"),
        ]


class AttemptSerializer(serializers.Serializer[Any]):
    """Once that a message was queued, and what came of it."""

    queued_at = serializers.DateTimeField()
    state = serializers.ChoiceField(MessageState.choices)
    tries = serializers.IntegerField(source="attempts", help_text="How often it was handed over.")
    transport = Reference(Transport.objects.all(), allow_null=True)
    reply = serializers.SerializerMethodField()
    reason = serializers.CharField(default="")
    finished_at = serializers.DateTimeField(default=None, allow_null=True)

    def get_reply(self, row: Outbox | SendLedger) -> str:
        """What the server said last."""
        return row.reply if isinstance(row, SendLedger) else row.last_reply


class Attempts(serializers.Serializer[Any]):
    data = AttemptSerializer(many=True)  # type: ignore[assignment]


class Recipient(Strict):
    """One person, by id or address."""

    subscriber = Reference(Subscriber.objects.all(), required=False)
    email = Email(max_length=254, required=False)
    name = serializers.CharField(
        max_length=100, required=False, help_text="Else the subscriber's, if that is known."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"subscriber", "email"}) != 1:
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
    track = serializers.BooleanField(
        required=False, help_text="Count opens and clicks, but for links that read `data`."
    )
    language = serializers.CharField(
        max_length=10, required=False, help_text="Of the translations; else the subscriber's."
    )
    attachments = serializers.ListField(
        child=AttachedFile(), required=False, help_text="5 at most, and 5 MB in all."
    )


class Resolution(Strict):
    outcome = serializers.ChoiceField(
        ["sent", "resend"], help_text="It counts as sent, or is sent once more."
    )


class MessageBatch(Strict):
    items = Items(NewTransactionalMessage, most=100)


class MessageResult(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    result = serializers.ChoiceField(["queued", "error"])
    id = serializers.CharField(required=False)
    problem = Problem(required=False)


class MessageSummary(serializers.Serializer[Any]):
    queued = serializers.IntegerField()
    error = serializers.IntegerField()


class MessageBatchResult(serializers.Serializer[Any]):
    results = MessageResult(many=True)
    summary = MessageSummary()


class Messages(Resource):
    """Transactional messages: what a program has asked to be sent to one person."""

    queryset = TransactionalMessage.objects.select_related(
        "template", "subscriber", "sender"
    ).with_state()
    serializer_class = MessageSerializer
    inputs = {"create": NewTransactionalMessage, "batch": MessageBatch}
    parser_classes = (FilesParser,)
    permissions = reads(
        "delivery", create="messages:send", batch="messages:send", attempts="delivery:read"
    )
    verbs = {
        "cancel": Verb(services.cancel_transactional, "messages:send"),
        "resolve": Verb(services.resolve_transactional, "messages:send", Resolution),
        "retry": Verb(services.retry_transactional, "messages:send"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Send a message to one person, before all others and whatever they have subscribed to."""
        made = services.send_transactional(
            request.workspace, by=request.actor, **_arguments(self.body())
        )
        answer = self.shown(self.again(made), status=202)
        answer.headers["Location"] = self.location(made)
        return answer

    @extend_schema(responses=MessageBatchResult)
    @action(detail=False, methods=["post"])
    def batch(self, request: ApiRequest) -> Response:
        """Send up to a hundred messages; what is wrong with one does not stop the others."""
        judge = NewTransactionalMessage(context={**self.get_serializer_context(), "met": {}})
        asked = [_judged(judge, item) for item in self.body()["items"]]
        made = services.send_many(request.workspace, asked, by=request.actor)
        return Response(batches.answer([_result(one) for one in made], "queued"))

    @extend_schema(responses=Attempts)
    @action(detail=True)
    def attempts(self, request: ApiRequest, **_: Any) -> Response:
        """Each time that it was queued, the first one first: tries, transport, answer."""
        return Response(Attempts({"data": self.get_object().attempts()}).data)


def _arguments(asked: dict[str, Any]) -> dict[str, Any]:
    """A body as the arguments of the verb."""
    to = asked.pop("to")
    name = to.pop("name", "")
    (person,) = to.values()
    return {**asked, "to": person, "to_name": name}


def _judged(judge: NewTransactionalMessage, item: Any) -> dict[str, Any] | Invalid:
    values = batches.judged(judge, item)
    return values if isinstance(values, Invalid) else _arguments(values)


def _result(made: TransactionalMessage | AppError) -> dict[str, Any]:
    if isinstance(made, AppError):
        return batches.refusal(made)
    return {"id": made.public_id, "result": "queued"}
