from __future__ import annotations

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import ResourceSerializer
from subscribers import services
from subscribers.models import CustomField
from subscribers.states import FieldKind


class FieldSerializer(ResourceSerializer):
    kind = serializers.ChoiceField(FieldKind.choices, default=FieldKind.TEXT)
    choices = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Of a choice: what is picked from."
    )

    class Meta:
        model = CustomField
        fields = ["id", "key", "label", "kind", "choices", "created_at"]


class FieldChanges(FieldSerializer):
    kind = serializers.CharField(read_only=True)  # type: ignore[assignment]

    class Meta(FieldSerializer.Meta):
        read_only_fields = ["key"]


class Fields(Resource):
    """Typed values that people may have."""

    queryset = CustomField.objects.all()
    serializer_class = FieldSerializer
    permissions = reads("lists", create="lists:write")
    verbs = {
        "partial_update": Verb(services.update_field, "lists:write", FieldChanges),
        "destroy": Verb(services.delete_field, "lists:write", gone=True),
    }

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create_field)
