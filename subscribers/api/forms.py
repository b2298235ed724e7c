from __future__ import annotations

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import ArchivedFilter, References, ResourceSerializer
from subscribers import services
from subscribers.api.lists import OPEN_LISTS
from subscribers.models import Form


class FormLists(References):
    """Public lists with double opt-in, by id."""

    def to_representation(self, data: object) -> list[str]:
        return [each.public_id for each in data.all()]  # type: ignore[attr-defined]


class FormSerializer(ResourceSerializer):
    lists = FormLists(OPEN_LISTS)
    url = serializers.CharField(read_only=True, help_text="The page; programs send there, too.")
    script_url = serializers.CharField(read_only=True, help_text="What puts it into a page.")

    class Meta:
        model = Form
        fields = [
            *("id", "name", "intro", "language", "lists", "asks_name"),
            *("consent_text", "consent_version", "redirect_url", "most_per_day"),
            *("url", "script_url", "created_at", "archived_at"),
        ]


class Forms(Resource):
    """Where people put themselves on lists: a page, a frame, or a form of your own."""

    queryset = Form.objects.prefetch_related("lists")
    serializer_class = FormSerializer
    filters = ArchivedFilter
    permissions = reads("lists", create="lists:write")
    verbs = {
        "partial_update": Verb(services.update_form, "lists:write"),
        "destroy": Verb(services.archive_form, "lists:write", gone=True),
    }

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create_form)
