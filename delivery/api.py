from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, reads
from accounts.authentication import ApiRequest, require
from delivery import letters, services
from delivery.models import SenderIdentity, Source
from delivery.states import SourceKind
from emailseq.lib.api.fields import Email, Reference, ResourceSerializer, Strict
from emailseq.lib.errors import Invalid
from subscribers.models import Event, List, Subscriber
from templates_app import rendering
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template

# What of an event's properties means something outside; the rest is between consumers.
_SHOWN = ("by", "fields", "link", "reason", "run", "tag")


class SenderIdentitySerializer(ResourceSerializer):
    email = Email(max_length=254)
    reply_to = Email(max_length=254, required=False)

    class Meta:
        model = SenderIdentity
        fields = ["id", "name", "email", "reply_to", "created_at"]


class SenderIdentities(Resource):
    """From names and addresses, and where answers go."""

    queryset = SenderIdentity.objects.all()
    serializer_class = SenderIdentitySerializer
    permissions = reads("delivery", create="delivery:write")

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create_sender)


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
            *("kind", "occurred_at", "recorded_at", "list", "source"),
            *("step_key", "verdict", "properties"),
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
        list_ids = {event.properties.get("list_id") for event in events}
        sources = Source.objects.filter(
            workspace=request.workspace, source_id__in={event.source_id for event in events}
        )
        names = {
            "lists": {row.pk: row.public_id for row in List.objects.filter(pk__in=list_ids)},
            "sources": {(source.kind, source.source_id): source.name for source in sources},
        }
        return self.get_paginated_response(EventSerializer(events, many=True, context=names).data)


class Render(Strict):
    subscriber = Reference(Subscriber.objects.all())


class RenderedSerializer(serializers.Serializer[Any]):
    subject = serializers.CharField()
    html = serializers.CharField()
    text = serializers.CharField()


class Renderings(Resource):
    """Templates, as people would see them."""

    queryset = Template.objects.all()
    serializer_class = RenderedSerializer
    inputs = {"render": Render}
    permissions = {"render": "templates:read"}

    def render(self, request: ApiRequest, **_: Any) -> Response:
        """The draft of a template as one person would get it; its links are not tracked."""
        require(request, "subscribers:read")
        template, subscriber = self.get_object(), self.body()["subscriber"]
        try:
            compiled = compile_template(
                subject=template.subject, html=template.html, text=template.text
            )
            preview = rendering.preview(compiled, letters.context_of(subscriber))
        except (TemplateError, rendering.RenderError) as error:
            raise Invalid.field("", "template_invalid", str(error)) from error
        return Response(self.get_serializer(preview).data)
