from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest, require
from delivery import letters, services
from delivery.api.serializers import (
    EventFilters,
    EventSerializer,
    Render,
    RenderedSerializer,
    SenderIdentitySerializer,
)
from delivery.models import SenderIdentity, Source
from emailseq.lib.errors import Invalid
from subscribers.models import Event, List, Subscriber
from templates_app import rendering
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template


class SenderIdentities(Resource):
    """From names and addresses, and where answers go."""

    queryset = SenderIdentity.objects.all()
    serializer_class = SenderIdentitySerializer
    permissions = {
        "list": "delivery:read",
        "retrieve": "delivery:read",
        "create": "delivery:write",
    }

    def create(self, request: ApiRequest) -> Response:
        values = self.body()
        return self.made(services.create_sender(request.workspace, by=request.actor, **values))


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
