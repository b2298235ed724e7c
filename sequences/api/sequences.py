from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.audit import Actor
from accounts.authentication import ApiRequest
from delivery.models import SenderIdentity
from emailseq.lib.api.fields import Named, Reference, ResourceSerializer, Strict
from emailseq.lib.api.schema import Fault
from sequences import draft, validate
from sequences.api.durations import Duration
from sequences.api.stats import SequenceStatsSerializer, StatsFilters, told
from sequences.models import Sequence, Trigger
from sequences.services import edit, lifecycle, resuming
from sequences.services.publish import publish
from sequences.states import EndingKind, Fate, Overdue, SequenceState
from subscribers.models import List

LISTS = List.objects.filter(archived_at=None)
BESIDE = (Prefetch("triggers", Trigger.objects.select_related("list", "tag", "segment")), "endings")


class Triggers(Strict):
    """What starts runs by itself."""

    triggers = serializers.ListField(
        child=serializers.JSONField(), help_text='E.g. {"kind": "list_joined", "list": "news"}.'
    )


class Endings(Strict):
    """What ends runs before their last step."""

    goals = serializers.ListField(
        child=serializers.JSONField(),
        default=list,
        help_text='E.g. {"name": "Bought", "when": {"event": "order_placed"}}.',
    )
    exits = serializers.ListField(
        child=serializers.JSONField(),
        default=list,
        help_text='E.g. {"name": "Replied", "when": {"reply": true}}.',
    )


class SequenceSerializer(Named, ResourceSerializer):
    list = Reference(LISTS, required=False, allow_null=True)
    sender = Reference(SenderIdentity.objects.all(), required=False)
    entry_rule = serializers.JSONField(required=False, allow_null=True)
    window = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text='E.g. {"opens": "09:00", "closes": "17:00", "weekdays": [1, 2, 3, 4, 5]}.',
    )
    cooldown = Duration(required=False, allow_null=True)
    version = serializers.IntegerField(
        source="live_version.number", read_only=True, default=None, allow_null=True
    )
    triggers = serializers.SerializerMethodField()
    goals = serializers.SerializerMethodField()
    exits = serializers.SerializerMethodField()

    class Meta:
        model = Sequence
        fields = [
            *("id", "name", "slug", "state", "list", "sender", "entry_rule", "re_entry"),
            *("cooldown", "window", "priority", "holdout_percent", "message_class", "cap_policy"),
            *("version", "triggers", "goals", "exits", "created_at"),
        ]

    @extend_schema_field(serializers.ListField(child=serializers.JSONField()))
    def get_triggers(self, sequence: Sequence) -> Any:
        return [draft.trigger_document(each) for each in sequence.triggers.all()]

    @extend_schema_field(serializers.ListField(child=serializers.JSONField()))
    def get_goals(self, sequence: Sequence) -> Any:
        return _endings(sequence, EndingKind.GOAL)

    @extend_schema_field(serializers.ListField(child=serializers.JSONField()))
    def get_exits(self, sequence: Sequence) -> Any:
        return _endings(sequence, EndingKind.EXIT)


def _endings(sequence: Sequence, kind: str) -> Any:
    of_kind = (each for each in sequence.endings.all() if each.kind == kind)
    return [draft.ending_document(each) for each in of_kind]


class SequenceFilters(Strict):
    state = serializers.ChoiceField(SequenceState.choices, required=False)
    list = Reference(List.objects.all(), required=False)


class ChecksSerializer(serializers.Serializer[Any]):
    problems = Fault(many=True, help_text="What keeps the draft from being published.")
    warnings = Fault(many=True, help_text="What is odd, but may be meant.")


class Resume(Strict):
    """What becomes of what became due while it was paused."""

    overdue = serializers.ChoiceField(Overdue.choices, default=Overdue.LATE)
    stale_after = Duration(
        required=False, help_text="With skip: what was due longer ago is not sent any more."
    )
    per_hour = serializers.IntegerField(
        required=False, help_text="With spread: how many runs go on an hour."
    )


class StaleAfter(Strict):
    stale_after = Duration(default=timedelta(hours=24), help_text="From which age on it is stale.")


class OverdueSerializer(serializers.Serializer[Any]):
    runs = serializers.IntegerField(help_text="Runs that are due.")
    stale_runs = serializers.IntegerField(help_text="Those of them that have been for long.")
    messages = serializers.IntegerField(help_text="Messages that might leave.")
    stale_messages = serializers.IntegerField()


class Publish(Strict):
    """What is to become of those who are inside."""

    people = serializers.ChoiceField(Fate.choices, default=Fate.STAY)
    steps = serializers.DictField(
        child=serializers.ChoiceField(Fate.choices),
        required=False,
        help_text="For those who stand at these steps, by their ids.",
    )
    impact = serializers.CharField(
        source="seen", required=False, help_text="The `token` of the preview that was looked at."
    )


class Copy(Named):
    name = serializers.CharField(max_length=100)


def _archive_unchanged(sequence: Sequence, *, expected_revision: int, by: Actor) -> None:
    """Like `archive`, if nobody has changed it since it was read."""
    lifecycle.archive_sequence(sequence, by=by)


class Sequences(Resource):
    """Automations: settings, triggers and endings, which act at once, and steps, which are
    published."""

    queryset = Sequence.objects.select_related("list", "sender", "live_version").prefetch_related(
        *BESIDE
    )
    serializer_class = SequenceSerializer
    filters = SequenceFilters
    inputs = {"duplicate": Copy}
    permissions = reads(
        "sequences",
        create="sequences:write",
        duplicate="sequences:write",
        checks="sequences:read",
        overdue="sequences:read",
        stats="reports:read",
    )
    verbs = {
        "partial_update": Verb(edit.update, "sequences:write", guarded=True),
        "destroy": Verb(_archive_unchanged, "sequences:write", guarded=True, gone=True),
        "archive": Verb(lifecycle.archive_sequence, "sequences:write"),
        "triggers": Verb(edit.set_triggers, "sequences:write", Triggers, "put", guarded=True),
        "endings": Verb(edit.set_endings, "sequences:write", Endings, "put", guarded=True),
        "publish": Verb(publish, "sequences:publish", Publish, guarded=True),
        "pause": Verb(lifecycle.pause_sequence, "delivery:pause"),
        "resume": Verb(resuming.resume, "delivery:pause", Resume),
    }

    def create(self, request: ApiRequest) -> Response:
        """Make a draft without steps and triggers."""
        return self.make(edit.create_sequence)

    @extend_schema(responses={201: SequenceSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: ApiRequest, **_: Any) -> Response:
        """Make a draft like this one, under another name."""
        original = self.get_object()
        return self.made(edit.duplicate_sequence(original, by=request.actor, **self.body()))

    @action(detail=True, serializer_class=ChecksSerializer)
    def checks(self, request: ApiRequest, **_: Any) -> Response:
        """What keeps the draft from being published, and what is odd about it."""
        sequence = self.get_object()
        found = {
            "problems": validate.problems(sequence),
            "warnings": [*validate.warnings(sequence), *validate.odd_contents(sequence)],
        }
        return Response(self.get_serializer(found).data)

    @extend_schema(parameters=[StaleAfter])
    @action(detail=True, serializer_class=OverdueSerializer)
    def overdue(self, request: ApiRequest, **_: Any) -> Response:
        """What a paused sequence would do at once if it were resumed now."""
        given = StaleAfter(data=request.query_params)
        given.is_valid(raise_exception=True)
        found = resuming.overdue(self.get_object(), **given.validated_data)
        return Response(self.get_serializer(found._asdict()).data)

    @extend_schema(parameters=[StatsFilters])
    @action(detail=True, serializer_class=SequenceStatsSerializer)
    def stats(self, request: ApiRequest, **_: Any) -> Response:
        """What became of its messages and runs: as a whole, by step and by variant."""
        sequence = self.get_object()
        return Response(self.get_serializer(told(sequence, request.query_params.dict())).data)
