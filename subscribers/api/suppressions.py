from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Email, ResourceSerializer, Strict
from subscribers import services
from subscribers.api.addresses import AddressFilter, beginning
from subscribers.models import Suppression
from subscribers.states import SuppressionReason


class SuppressionSerializer(ResourceSerializer):
    email = Email(source="address_key", max_length=254)
    reason = serializers.ChoiceField(SuppressionReason.choices, default=SuppressionReason.MANUAL)

    class Meta:
        model = Suppression
        fields = ["id", "email", "reason", "note", "created_at"]


class SuppressionFilters(AddressFilter):
    reason = serializers.ChoiceField(SuppressionReason.choices, required=False)


class Lift(Strict):
    reason = serializers.CharField(max_length=500, help_text="Why it may be sent to again.")


class Suppressions(Resource):
    """Addresses that are not sent to, whoever carries them."""

    queryset = Suppression.objects.all()
    serializer_class = SuppressionSerializer
    filters = SuppressionFilters
    permissions = reads("subscribers", create="subscribers:write")
    verbs = {"lift": Verb(services.lift, "delivery:write", Lift, gone=True)}

    def create(self, request: ApiRequest) -> Response:
        """Suppress an address. The strongest reason stays, above all a person's own no."""
        values = self.body()
        email = values.pop("address_key")
        made = services.suppress(request.workspace, email=email, by=request.actor, **values)
        return self.made(made)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        return super().filtered(beginning(rows, values.pop("q", "")), **values)
