from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest, require
from delivery import letters
from emailseq.lib.api.fields import Reference, Strict
from emailseq.lib.errors import Invalid
from subscribers.models import Subscriber
from templates_app import rendering
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template


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
