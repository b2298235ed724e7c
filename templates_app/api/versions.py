from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Strict
from templates_app.differences import differences
from templates_app.models import Template, TemplateVersion
from templates_app.services import restore
from templates_app.services.versions import said


class TemplateVersionLine(serializers.ModelSerializer[TemplateVersion]):
    published = serializers.SerializerMethodField(help_text="Whether messages get this one.")
    languages = serializers.SerializerMethodField()

    class Meta:
        model = TemplateVersion
        fields = ["number", "published", "mode", "subject", "languages", "created_at"]

    def get_published(self, version: TemplateVersion) -> bool:
        return version.template.published_version_id == version.pk

    def get_languages(self, version: TemplateVersion) -> list[str]:
        return sorted(version.translations)


class TemplateVersionSerializer(TemplateVersionLine):
    class Meta(TemplateVersionLine.Meta):
        fields = [*TemplateVersionLine.Meta.fields, "document", "source", "html", "text"]


class DifferencesFilter(Strict):
    to = serializers.IntegerField(
        required=False, min_value=1, help_text="The number of another version; else the draft."
    )


@extend_schema_field(OpenApiTypes.OBJECT)
class LinesField(serializers.DictField):
    """Lines that begin with `-`, `+`, a blank or `@@`, by the part that they are of."""


class DifferencesSerializer(Strict):
    changed = LinesField(child=serializers.ListField(child=serializers.CharField()))


class TemplateVersions(Resource):
    """What was published of a template, newest first. Their ETag is the one of the template."""

    queryset = TemplateVersion.objects.all()
    lookup_url_kwarg = "number"
    lookup_value_regex = "[0-9]{1,9}"
    serializer_class = TemplateVersionSerializer
    permissions = reads("templates", differences="templates:read")
    verbs = {"restore": Verb(restore, "templates:write", guarded=True)}

    def get_serializer_class(self) -> Any:
        if self.action == "differences":
            return DifferencesSerializer
        return TemplateVersionLine if self.action == "list" else TemplateVersionSerializer

    def get_queryset(self) -> QuerySet[Any]:
        published = self.template().versions.select_related("template")
        if self.action == "list":
            published = published.defer("html", "text", "source", "document")
        return published.order_by("-number")

    def get_object(self) -> Any:
        return get_object_or_404(self.get_queryset(), number=int(self.kwargs["number"]))

    def template(self) -> Template:
        return self.found(Template.objects.of(self.request.workspace), self.kwargs["template"])

    def revised(self, row: TemplateVersion) -> Template:
        return row.template

    @extend_schema(parameters=[DifferencesFilter])
    @action(detail=True)
    def differences(self, request: ApiRequest, **_: Any) -> Response:
        """What was changed from this version to the draft, or to another version."""
        version = self.get_object()
        query = DifferencesFilter(data=request.query_params)
        query.is_valid(raise_exception=True)
        other: Any = version.template
        if number := query.validated_data.get("to"):
            other = get_object_or_404(self.get_queryset(), number=number)
        changed = differences(said(version), said(other))
        return Response(self.get_serializer({"changed": changed}).data)
