from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import ArchivedFilter, Named, ResourceSerializer
from templates_app import services
from templates_app.api.fields import DocumentField
from templates_app.models import Template

_CONTENT = ("html", "text", "source", "document")
_PUBLISHED = tuple(f"published_version__{name}" for name in _CONTENT)


class TemplateLine(Named, ResourceSerializer):
    """A template without its content. `version` is the published one's number."""

    version = serializers.IntegerField(
        source="published_version.number", read_only=True, default=None, allow_null=True
    )

    class Meta:
        model = Template
        fields = [
            *("id", "name", "slug", "message_class", "mode", "subject", "version"),
            *("created_at", "updated_at", "archived_at"),
        ]


class TemplateSerializer(TemplateLine):
    """A template. `version` is the published one's number."""

    document = DocumentField(required=False, allow_null=True)

    class Meta(TemplateLine.Meta):
        fields = [*TemplateLine.Meta.fields, "document", "source", "html", "text"]
        extra_kwargs = {name: {"trim_whitespace": False} for name in ("source", "html", "text")}


class TemplateChanges(TemplateSerializer):
    class Meta(TemplateSerializer.Meta):
        read_only_fields = ["message_class"]


class Templates(Resource):
    """What messages say: a draft, and the version that was published last."""

    queryset = Template.objects.select_related("published_version").defer(*_PUBLISHED)
    serializer_class = TemplateSerializer
    filters = ArchivedFilter
    inputs = {"partial_update": TemplateChanges}
    permissions = reads("templates", create="templates:write")
    verbs = {
        "partial_update": Verb(services.save_draft, "templates:write", guarded=True),
        "destroy": Verb(services.archive, "templates:write", guarded=True, gone=True),
        "publish": Verb(services.publish, "templates:write", guarded=True),
    }

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return TemplateLine if self.action == "list" else TemplateSerializer

    def create(self, request: ApiRequest) -> Response:
        """Write a draft."""
        return self.make(services.create_template)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        shown = super().filtered(rows, **values)
        return shown.defer(*_CONTENT, *_PUBLISHED)
