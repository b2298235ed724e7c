from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest, require
from delivery import previews
from emailseq.lib.api.fields import Reference, Strict
from emailseq.lib.errors import Invalid
from subscribers.models import Subscriber
from templates_app.models import Template


class Render(Strict):
    subscriber = Reference(Subscriber.objects.all(), required=False)
    who = serializers.ChoiceField(
        [previews.RANDOM, previews.EMPTIEST],
        required=False,
        help_text="Anybody, or who has the fewest merge fields, in place of a `subscriber`.",
    )
    language = serializers.CharField(
        required=False, max_length=10, help_text="In place of the person's own."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("subscriber" in attrs) == ("who" in attrs):
            detail = "Say for whom: a subscriber, or who."
            raise serializers.ValidationError({"subscriber": detail}, "required")
        return attrs


class RenderedSerializer(serializers.Serializer[Any]):
    subscriber = serializers.CharField(help_text="For whom.")
    subject = serializers.CharField()
    preheader = serializers.CharField(help_text="What inboxes show behind the subject.")
    html = serializers.CharField()
    text = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes of the HTML, encoded and tracked.")


class Renderings(Resource):
    """Templates, as people would see them."""

    queryset = Template.objects.all()
    serializer_class = RenderedSerializer
    inputs = {"render": Render}
    permissions = {"render": "templates:read"}

    def render(self, request: ApiRequest, **_: Any) -> Response:
        """The draft of a template as one person would get it; its links are not tracked."""
        require(request, "subscribers:read")
        template, asked = self.get_object(), self.body()
        everybody = previews.everybody(request.workspace)
        person = asked.get("subscriber") or previews.somebody(everybody, asked["who"])
        if person is None:
            raise Invalid.field("who", "empty", "Nobody is there yet.")
        shown = previews.show(template, person, language=asked.get("language", ""))
        return Response(
            self.get_serializer({"subscriber": person.public_id, **shown._asdict()}).data
        )
