from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib.api.fields import Email, Reference, ResourceSerializer, Strict
from subscribers.models import Event, Subscriber

# What of an event's properties means something outside; the rest is between consumers.
_SHOWN = ("by", "fields", "link", "reason", "run", "tag")


class SenderIdentitySerializer(ResourceSerializer):
    email = Email(max_length=254)
    reply_to = Email(max_length=254, required=False)

    class Meta:
        model = SenderIdentity
        fields = ["id", "name", "email", "reply_to", "created_at"]


class EventFilters(Strict):
    kind = serializers.CharField(required=False, max_length=40, help_text="E.g. message.clicked")


class SourceSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(SourceKind.choices)
    name = serializers.CharField()


class EventSerializer(serializers.ModelSerializer[Event]):
    """A fact about one person; the view knows the `lists` and `sources` that the page names."""

    list = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField()  # type: ignore[assignment]
    properties = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = [
            "kind",
            "occurred_at",
            "recorded_at",
            "list",
            "source",
            "step_key",
            "verdict",
            "properties",
        ]

    def get_list(self, event: Event) -> str | None:
        public_id: str | None = self.context["lists"].get(event.properties.get("list_id"))
        return public_id

    @extend_schema_field(SourceSerializer(allow_null=True))
    def get_source(self, event: Event) -> dict[str, str] | None:
        name = self.context["sources"].get((event.source_kind, event.source_id))
        return {"kind": event.source_kind, "name": name} if name else None

    def get_properties(self, event: Event) -> dict[str, Any]:
        return {name: event.properties[name] for name in _SHOWN if name in event.properties}


class Render(Strict):
    subscriber = Reference(Subscriber.objects.all())


class RenderedSerializer(serializers.Serializer[Any]):
    subject = serializers.CharField()
    html = serializers.CharField()
    text = serializers.CharField()
