from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.audit import Actor
from accounts.authentication import ApiRequest
from analytics.api import NumbersSerializer
from analytics.numbers import Numbers, numbers, numbers_by_step
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib.api.fields import Named, Reference, ResourceSerializer, Strict
from sequences.models import Enrollment, Sequence, Trigger
from sequences.services import edit, lifecycle
from sequences.services.publish import publish
from sequences.states import SequenceState
from subscribers.models import List

LISTS = List.objects.filter(archived_at=None)
TRIGGERS = Prefetch("triggers", Trigger.objects.order_by("id").select_related("list"))


class Triggers(Strict):
    """What starts runs by itself: joining one of the lists."""

    lists = serializers.ListField(child=Reference(LISTS), max_length=100)


class SequenceSerializer(Named, ResourceSerializer):
    list = Reference(LISTS, required=False, allow_null=True)
    sender = Reference(SenderIdentity.objects.all(), required=False)
    version = serializers.IntegerField(
        source="live_version.number", read_only=True, default=None, allow_null=True
    )
    triggers = serializers.SerializerMethodField()

    class Meta:
        model = Sequence
        fields = [
            *("id", "name", "slug", "state", "list", "sender", "re_entry"),
            *("version", "triggers", "created_at"),
        ]

    @extend_schema_field(Triggers)
    def get_triggers(self, sequence: Sequence) -> dict[str, Any]:
        return {"lists": [each.list.public_id for each in sequence.triggers.all() if each.list]}


class SequenceFilters(Strict):
    state = serializers.ChoiceField(SequenceState.choices, required=False)
    list = Reference(List.objects.all(), required=False)


class StepStatsSerializer(NumbersSerializer):
    id = serializers.CharField()
    waiting = serializers.IntegerField(help_text="People who stand at this step now.")


class SequenceStatsSerializer(NumbersSerializer):
    steps = StepStatsSerializer(many=True)


def _archive_unchanged(sequence: Sequence, *, expected_revision: int, by: Actor) -> None:
    """Like `archive`, if nobody has changed it since it was read."""
    lifecycle.archive_sequence(sequence, by=by)


class Sequences(Resource):
    """Automations: settings and triggers, which act at once, and steps, which are published."""

    queryset = Sequence.objects.select_related("list", "sender", "live_version").prefetch_related(
        TRIGGERS
    )
    serializer_class = SequenceSerializer
    filters = SequenceFilters
    permissions = reads("sequences", create="sequences:write", stats="reports:read")
    verbs = {
        "partial_update": Verb(edit.update, "sequences:write", guarded=True),
        "destroy": Verb(_archive_unchanged, "sequences:write", guarded=True, gone=True),
        "archive": Verb(lifecycle.archive_sequence, "sequences:write"),
        "triggers": Verb(edit.set_triggers, "sequences:write", Triggers, "put", guarded=True),
        "publish": Verb(publish, "sequences:publish", guarded=True),
        "pause": Verb(lifecycle.pause_sequence, "delivery:pause"),
        "resume": Verb(lifecycle.resume_sequence, "delivery:pause"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Make a draft without steps and triggers."""
        return self.make(edit.create_sequence)

    @action(detail=True, serializer_class=SequenceStatsSerializer)
    def stats(self, request: ApiRequest, **_: Any) -> Response:
        """What became of its messages, as a whole and by step, and how many stand where."""
        sequence = self.get_object()
        by_step = numbers_by_step(SourceKind.SEQUENCE, sequence.pk)
        waiting = Enrollment.objects.waiting_by_step(sequence)
        steps = [
            {"id": key, "waiting": waiting.get(key, 0), **asdict(by_step.get(key, Numbers()))}
            for key in sequence.steps.order_by("position").values_list("key", flat=True)
        ]
        stats = {**asdict(numbers(SourceKind.SEQUENCE, sequence.pk)), "steps": steps}
        return Response(self.get_serializer(stats).data)
