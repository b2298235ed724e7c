from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Named
from templates_app.api.fields import DocumentField
from templates_app.api.templates import TemplateSerializer
from templates_app.models import Template
from templates_app.services.starting import start_template
from templates_app.starters import starters


class StarterSerializer(serializers.Serializer[Any]):
    """A document to begin with; `sample` is what a transactional one reads of `data`."""

    slug = serializers.CharField()
    name = serializers.CharField()
    about = serializers.CharField()
    message_class = serializers.CharField()
    subject = serializers.CharField()
    document = DocumentField()
    sample = serializers.DictField()


class StartersSerializer(serializers.Serializer[Any]):
    data = StarterSerializer(many=True)  # type: ignore[assignment]  # named like DRF's own


class StartSerializer(Named):
    """Which starter, and what the new template is called."""

    starter = serializers.ChoiceField(sorted(starters()))
    name = serializers.CharField(max_length=100)


class Starters(Resource):
    """The gallery of templates to begin with."""

    queryset = Template.objects.select_related("published_version")
    serializer_class = TemplateSerializer
    inputs = {"from_starter": StartSerializer}
    permissions = {"starters": "templates:read", "from_starter": "templates:write"}

    @extend_schema(responses=StartersSerializer)
    def starters(self, request: ApiRequest) -> Response:
        """Read them all."""
        return Response(StartersSerializer({"data": starters().values()}).data)

    def from_starter(self, request: ApiRequest) -> Response:
        """Make a draft of one. Its links lead to the website of the brand, if that has one."""
        return self.make(start_template)
