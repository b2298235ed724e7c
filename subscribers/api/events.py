from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from emailseq.lib import ids
from emailseq.lib.api import batches
from emailseq.lib.api.batches import Items
from emailseq.lib.api.fields import Reference, Strict
from emailseq.lib.api.schema import Problem
from emailseq.lib.errors import Invalid
from subscribers import kinds, services
from subscribers.facts import KINDS, MAX_KEY, CustomEvent
from subscribers.models import Event, EventName, Subscriber
from subscribers.services import Recorded


class Whom(Strict):
    """One of the two."""

    id = serializers.CharField(required=False, help_text="`sub_…`")
    email = serializers.CharField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Give the id or the email.", "required")
        if "id" in attrs:
            attrs["uid"] = ids.decode(Subscriber.prefix, attrs.pop("id"))
            if attrs["uid"] is None:
                detail = "There is no such subscriber."
                raise serializers.ValidationError({"id": detail}, "not_found")
        return attrs


class EventTold(Strict):
    """A fact about one person, under a name of your own."""

    id = serializers.CharField(
        required=False,
        help_text=f"Yours, at most {MAX_KEY} characters: for 30 days the same fact is taken once.",
    )
    subscriber = Whom()
    name = serializers.CharField(help_text="E.g. `order_placed`: a-z, 0-9 and _, at most 64.")
    properties = serializers.DictField(required=False)
    occurred_at = serializers.DateTimeField(required=False, help_text="Now, unless given.")
    on_unknown = serializers.ChoiceField(
        ["create", "reject"],
        default="create",
        help_text="An address that nobody has makes a person without any consent, or a fault.",
    )

    def validate(self, attrs: dict[str, Any]) -> CustomEvent:
        make_unknown = attrs.pop("on_unknown") == "create"
        key, whom = attrs.pop("id", ""), attrs.pop("subscriber")
        return CustomEvent(**attrs, **whom, key=key, make_unknown=make_unknown)


class EventBatch(Strict):
    items = Items(EventTold, most=1000)


class RecordedSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="`evt_…`")
    result = serializers.ChoiceField(["accepted", "duplicate"])


class ItemResult(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    result = serializers.ChoiceField(["accepted", "duplicate", "error"])
    id = serializers.CharField(required=False)
    problem = Problem(required=False)


class BatchSummary(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    error = serializers.IntegerField()


class BatchResult(serializers.Serializer[Any]):
    results = ItemResult(many=True)
    summary = BatchSummary()


class CustomEventSerializer(serializers.ModelSerializer[Event]):
    id = serializers.CharField(source="public_id", read_only=True)
    subscriber = Reference(Subscriber.objects.all(), read_only=True)

    class Meta:
        model = Event
        fields = ["id", "subscriber", "name", "occurred_at", "recorded_at", "late", "properties"]


class CustomEventFilters(Strict):
    name = serializers.CharField(required=False, max_length=64)
    subscriber = Reference(Subscriber.objects.all(), required=False)


class Events(Resource):
    """What you have told, under names of your own."""

    queryset = Event.objects.filter(kind=kinds.CUSTOM).select_related("subscriber")
    serializer_class = CustomEventSerializer
    filters = CustomEventFilters
    inputs = {"create": EventTold, "batch": EventBatch}
    permissions = {
        "list": "subscribers:read",
        "create": "events:write",
        "batch": "events:write",
    }

    @extend_schema(responses={202: RecordedSerializer})
    def create(self, request: ApiRequest) -> Response:
        """Tell a fact. It is kept when this answers; what it sets off follows within seconds."""
        recorded = services.record_event(request.workspace, self.body(), by=request.actor)
        return Response(_shown(recorded), status=202)

    @extend_schema(responses=BatchResult)
    def batch(self, request: ApiRequest) -> Response:
        """Tell up to a thousand facts; what is wrong with one does not stop the others."""
        judge = EventTold()
        told = [batches.judged(judge, item) for item in self.body()["items"]]
        facts = [fact for fact in told if isinstance(fact, CustomEvent)]
        recorded = iter(services.record_custom_events(request.workspace, facts, by=request.actor))
        results = [_shown(fact if isinstance(fact, Invalid) else next(recorded)) for fact in told]
        return Response(batches.answer(results, "accepted", "duplicate"))


class EventNameSerializer(serializers.ModelSerializer[EventName]):
    properties = serializers.DictField(
        child=serializers.ChoiceField(sorted(set(KINDS.values()))),
        help_text="What has been seen under the name, and what kind of value it was first.",
    )

    class Meta:
        model = EventName
        fields = ["name", "properties", "first_seen_at"]


class EventCatalogue(Resource):
    """The names under which you have told facts, by first sight."""

    queryset = EventName.objects.all()
    serializer_class = EventNameSerializer
    permissions = {"list": "events:read"}


def _shown(result: Recorded | Invalid) -> dict[str, Any]:
    if isinstance(result, Invalid):
        return batches.refusal(result)
    return {"id": result.id, "result": "accepted" if result.accepted else "duplicate"}
