from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from delivery.models import Source
from delivery.states import SourceKind
from emailseq.lib.api.fields import Strict
from subscribers.models import Event, List, Subscriber


class EventFilters(Strict):
    kind = serializers.CharField(required=False, max_length=40, help_text="E.g. message.clicked")


class SourceSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(SourceKind.choices)
    name = serializers.CharField()


class EventSerializer(serializers.ModelSerializer[Event]):
    """A fact about one person; the view knows the `lists` and `sources` that the page names."""

    id = serializers.CharField(source="public_id", read_only=True)
    list = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField()  # type: ignore[assignment]
    properties = serializers.DictField(source="shown", read_only=True)

    class Meta:
        model = Event
        fields = [
            *("id", "kind", "name", "occurred_at", "recorded_at", "list", "source"),
            *("step_key", "verdict", "properties"),
        ]

    def get_list(self, event: Event) -> str | None:
        public_id: str | None = self.context["lists"].get(event.list_id)
        return public_id

    @extend_schema_field(SourceSerializer(allow_null=True))
    def get_source(self, event: Event) -> dict[str, str] | None:
        name = self.context["sources"].get((event.source_kind, event.source_id))
        return {"kind": event.source_kind, "name": name} if name else None


class Timeline(Resource):
    """What happened to one person, newest first."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filters = EventFilters
    permissions = {"list": "subscribers:read"}

    def get_queryset(self) -> QuerySet[Any]:
        people = Subscriber.objects.of(self.request.workspace)
        return super().get_queryset().filter(subscriber=self.found(people, self.kwargs["id"]))

    def list(self, request: ApiRequest, **_: Any) -> Response:
        events: Any = self.paginate_queryset(self.get_queryset())
        list_ids = {event.list_id for event in events}
        sources = Source.objects.filter(
            workspace=request.workspace, source_id__in={event.source_id for event in events}
        )
        names = {
            "lists": {row.pk: row.public_id for row in List.objects.filter(pk__in=list_ids)},
            "sources": {(source.kind, source.source_id): source.name for source in sources},
        }
        return self.get_paginated_response(EventSerializer(events, many=True, context=names).data)
