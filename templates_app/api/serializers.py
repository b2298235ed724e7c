from __future__ import annotations

from rest_framework import serializers

from emailseq.lib.api.fields import Named, ResourceSerializer
from templates_app.models import Template


class TemplateLine(Named, ResourceSerializer):
    """A template without its content. `version` is the published one's number."""

    version = serializers.IntegerField(
        source="published_version.number", read_only=True, default=None, allow_null=True
    )

    class Meta:
        model = Template
        fields = [
            "id",
            "name",
            "slug",
            "subject",
            "version",
            "created_at",
            "updated_at",
            "archived_at",
        ]
        extra_kwargs = {
            "slug": {"required": False},
            "html": {"trim_whitespace": False},
            "text": {"trim_whitespace": False},
        }


class TemplateSerializer(TemplateLine):
    class Meta(TemplateLine.Meta):
        fields = [*TemplateLine.Meta.fields, "html", "text"]
