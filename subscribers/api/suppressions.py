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

DIGEST = "SHA-256 of an address in small letters, in hexadecimal; it is not told again."


class SuppressionSerializer(ResourceSerializer):
    """Takes one of `email`, `domain` and `digest`; the others are null."""

    kind = serializers.ChoiceField(["address", "domain", "digest"], read_only=True)
    email = Email(max_length=254, required=False)
    domain = serializers.CharField(
        max_length=253, required=False, help_text="Everybody there, but nobody of a subdomain."
    )
    digest = serializers.CharField(max_length=71, required=False, write_only=True, help_text=DIGEST)
    reason = serializers.ChoiceField(SuppressionReason.choices, default=SuppressionReason.MANUAL)

    class Meta:
        model = Suppression
        fields = [
            *("id", "kind", "email", "domain", "digest", "reason", "note", "source"),
            "created_at",
        ]
        read_only_fields = ["source"]


class SuppressionFilters(AddressFilter):
    reason = serializers.ChoiceField(SuppressionReason.choices, required=False)


class Lift(Strict):
    reason = serializers.CharField(max_length=500, help_text="Why it may be sent to again.")


class Suppressions(Resource):
    """Addresses and domains that are not sent to, whoever carries them."""

    queryset = Suppression.objects.all()
    serializer_class = SuppressionSerializer
    filters = SuppressionFilters
    permissions = reads("subscribers", create="subscribers:write")
    verbs = {"lift": Verb(services.lift, "delivery:write", Lift, gone=True)}

    def create(self, request: ApiRequest) -> Response:
        """Suppress an address, a domain or a digest.

        The strongest reason stays, above all a person's own no.
        """
        made = services.suppress(request.workspace, by=request.actor, **self.body())
        return self.made(made)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        return super().filtered(beginning(rows, values.pop("q", "")), **values)
