from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Reference, ResourceSerializer, Strict
from sequences.models import Backfill, Sequence
from sequences.services import backfill
from sequences.states import BackfillState


class BackfillSerializer(ResourceSerializer):
    sequence = Reference(Sequence.objects.all())
    started = serializers.IntegerField(
        source="started_count", read_only=True, help_text="Runs that began by it so far."
    )

    class Meta:
        model = Backfill
        validators = ()  # the verb says it better
        fields = [
            *("id", "sequence", "per_day", "state", "started"),
            *("created_at", "ended_at"),
        ]


class BackfillFilters(Strict):
    sequence = Reference(Sequence.objects.all(), required=False)
    state = serializers.ChoiceField(BackfillState.choices, required=False)


class Backfills(Resource):
    """People who match a sequence already, let in at a pace."""

    queryset = Backfill.objects.select_related("sequence")
    serializer_class = BackfillSerializer
    filters = BackfillFilters
    permissions = reads("sequences", create="sequences:publish")
    verbs = {"cancel": Verb(backfill.cancel_backfill, "sequences:write")}

    def create(self, request: ApiRequest) -> Response:
        """Begin to enroll, so many a day, who is confirmed on the list and matches the rule."""
        values: dict[str, Any] = self.body()
        return self.made(backfill.start_backfill(by=request.actor, **values))
