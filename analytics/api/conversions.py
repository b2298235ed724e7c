from __future__ import annotations

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from analytics import conversions
from analytics.models import Conversion
from analytics.states import Attribution
from emailseq.lib.api.fields import ArchivedFilter, ResourceSerializer


class ConversionSerializer(ResourceSerializer):
    name = serializers.CharField(max_length=100)
    event_name = serializers.CharField(max_length=64, help_text="Of the events that you tell.")
    amount_property = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        help_text="The property of the event that says what it came to, a number.",
    )
    window_days = serializers.IntegerField(
        required=False, min_value=1, max_value=90, help_text="How long a message takes credit."
    )
    attribution = serializers.ChoiceField(
        Attribution.choices,
        required=False,
        help_text="Which message takes credit: the last one that was clicked or sent.",
    )

    class Meta:
        model = Conversion
        fields = [
            *("id", "name", "event_name", "amount_property", "window_days", "attribution"),
            *("created_at", "archived_at"),
        ]


class Conversions(Resource):
    """What people are to do in the end, and which messages take credit for it."""

    queryset = Conversion.objects.all()
    serializer_class = ConversionSerializer
    filters = ArchivedFilter
    permissions = reads("reports", create="reports:write")
    verbs = {"archive": Verb(conversions.archive_conversion, "reports:write")}

    def create(self, request: ApiRequest) -> Response:
        """Count events under a name as a conversion, from now on."""
        return self.make(conversions.create_conversion)
