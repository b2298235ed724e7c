from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Strict
from emailseq.lib.api.schema import IF_MATCH
from templates_app import services
from templates_app.models import Template, Translation

_KEPT = {"trim_whitespace": False}


class TranslationSerializer(Strict, serializers.ModelSerializer[Translation]):
    class Meta:
        model = Translation
        fields = [
            *("language", "subject", "mode", "document", "source", "html", "text", "updated_at"),
        ]
        read_only_fields = ["language", "updated_at"]
        extra_kwargs = {"source": _KEPT, "html": _KEPT, "text": _KEPT, "mode": {"required": False}}


class Translations(Resource):
    """What a template says in other languages, beside its draft; the ETag is the template's.

    People get the one of their `language`, or that without its region, or else the template.
    """

    queryset = Translation.objects.all()
    serializer_class = TranslationSerializer
    inputs = {"replace": TranslationSerializer}
    permissions = reads("templates", replace="templates:write", remove="templates:write")

    def get_queryset(self) -> QuerySet[Any]:
        rows = Translation.objects.filter(template=self.template()).select_related("template")
        return rows.order_by("pk")

    def template(self) -> Template:
        return self.found(Template.objects.of(self.request.workspace), self.kwargs["template"])

    def get_object(self) -> Any:
        return get_object_or_404(self.get_queryset(), language=self.kwargs["language"])

    def revised(self, row: Template | Translation) -> Template:
        return row.template if isinstance(row, Translation) else row

    @extend_schema(parameters=[IF_MATCH])
    def replace(self, request: ApiRequest, **_: Any) -> Response:
        """Say it in a language, anew or for the first time."""
        template = self.template()
        revision = self.known_revision(template)
        made = services.put_translation(
            template,
            language=self.kwargs["language"],
            by=request.actor,
            expected_revision=revision,
            **self.body(),
        )
        return self.shown(made)

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    def remove(self, request: ApiRequest, **_: Any) -> Response:
        """Say it in a language no more, from the next version on."""
        row = self.get_object()
        revision = self.known_revision(row)
        services.remove_translation(
            row.template, language=row.language, by=request.actor, expected_revision=revision
        )
        return Response(status=204)
