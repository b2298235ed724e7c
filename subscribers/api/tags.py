from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import References, ResourceSerializer, Strict
from subscribers import services
from subscribers.models import Subscriber, Tag

MAX_PEOPLE = 1000


class TagSerializer(ResourceSerializer):
    class Meta:
        model = Tag
        fields = ["id", "name", "slug", "created_at"]
        extra_kwargs = {"slug": {"required": False, "help_text": "Made of the name by default."}}


class People(Strict):
    subscribers = References(Subscriber.objects.all(), max_length=MAX_PEOPLE)


class CountSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="People for whom that was news.")


class Tags(Resource):
    """Markers that people carry."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    inputs = {"apply": People, "remove": People}
    permissions = reads(
        "lists", create="lists:write", apply="subscribers:write", remove="subscribers:write"
    )
    verbs = {
        "partial_update": Verb(services.update_tag, "lists:write"),
        "destroy": Verb(services.delete_tag, "lists:write", gone=True),
    }

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create_tag)

    @extend_schema(responses=CountSerializer)
    @action(detail=True, methods=["post"])
    def apply(self, request: ApiRequest, **_: Any) -> Response:
        """Give the tag to up to a thousand people."""
        return self._change(services.tag_people)

    @extend_schema(responses=CountSerializer)
    @action(detail=True, methods=["post"])
    def remove(self, request: ApiRequest, **_: Any) -> Response:
        """Take the tag from up to a thousand people."""
        return self._change(services.untag_people)

    def _change(self, verb: Callable[..., int]) -> Response:
        tag = self.get_object()
        people = [person.pk for person in self.body()["subscribers"]]
        return Response({"changed": verb(tag, people, by=self.request.actor)})
