from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Strict
from templates_app import review
from templates_app.models import Template


class TemplateFindingSerializer(Strict):
    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class TemplateChecksSerializer(Strict):
    blocks = TemplateFindingSerializer(many=True)
    warnings = TemplateFindingSerializer(many=True)


class TemplateChecks(Resource):
    """What is wrong with templates, or odd."""

    queryset = Template.objects.all()
    serializer_class = TemplateChecksSerializer
    permissions = {"checks": "templates:read"}

    def checks(self, request: ApiRequest, **_: Any) -> Response:
        """What keeps the draft from being published, and what to look at twice."""
        return Response(self.get_serializer(asdict(review.check(self.get_object()))).data)
