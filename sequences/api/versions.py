from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Strict
from sequences import draft, versions
from sequences.models import Enrollment, Sequence, SequenceVersion, Transfer
from sequences.runs import program_of
from sequences.services.publish import restore
from sequences.states import EnrollmentState, Fate


class TransferSerializer(serializers.ModelSerializer[Transfer]):
    """What was to become of those inside, and how far it is."""

    people = serializers.ChoiceField(Fate.choices, source="fate")
    steps = serializers.DictField(child=serializers.ChoiceField(Fate.choices), source="fates")
    moved = serializers.IntegerField(source="moved_count")
    exited = serializers.IntegerField(source="exited_count")

    class Meta:
        model = Transfer
        fields = ["people", "steps", "moved", "exited", "finished_at"]


class VersionSerializer(Strict, serializers.ModelSerializer[SequenceVersion]):
    live = serializers.SerializerMethodField()
    transfer = TransferSerializer(read_only=True, default=None, allow_null=True)
    steps = serializers.SerializerMethodField()

    class Meta:
        model = SequenceVersion
        fields = ["number", "live", "published_at", "published_by", "transfer", "steps"]
        read_only_fields = fields

    def get_live(self, version: SequenceVersion) -> bool:
        return version.sequence.live_version_id == version.pk

    def get_steps(self, version: SequenceVersion) -> list[dict[str, Any]]:
        steps: list[draft.Document] = versions.document(version)["steps"]
        return steps


class WaitingSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    waiting = serializers.IntegerField(help_text="People who stand at this step now.")


class VersionStatsSerializer(serializers.Serializer[Any]):
    """The runs on a version now: those that moved on are counted where they went."""

    active = serializers.IntegerField()
    paused = serializers.IntegerField()
    completed = serializers.IntegerField()
    exited = serializers.IntegerField()
    failed = serializers.IntegerField()
    held_out = serializers.IntegerField(help_text="Ended as they began, to compare with.")
    steps = WaitingSerializer(many=True)


class Versions(Resource):
    """What was published of a sequence, newest first. Their ETag is the one of the sequence."""

    queryset = SequenceVersion.objects.all()
    lookup_url_kwarg = "number"
    lookup_value_regex = "[0-9]{1,9}"
    serializer_class = VersionSerializer
    permissions = reads("sequences", stats="reports:read")
    verbs = {"restore": Verb(restore, "sequences:write", guarded=True)}

    def get_queryset(self) -> QuerySet[Any]:
        published = self.sequence().versions.select_related("sequence", "transfer")
        return published.order_by("-number")

    def get_object(self) -> Any:
        return get_object_or_404(self.get_queryset(), number=int(self.kwargs["number"]))

    def sequence(self) -> Sequence:
        return self.found(Sequence.objects.of(self.request.workspace), self.kwargs["sequence"])

    @action(detail=True, serializer_class=VersionStatsSerializer)
    def stats(self, request: ApiRequest, **_: Any) -> Response:
        """How many of its runs are in which state, and how many stand where."""
        version = self.get_object()
        counts = Enrollment.objects.all().by_version(version.sequence).get(version.pk, {})
        waiting = Enrollment.objects.filter(version=version).waiting_by_step(version.sequence)
        steps = [
            {"id": step.key, "waiting": waiting.get(step.key, 0)} for step in program_of(version.pk)
        ]
        states = {state: counts.get(state, 0) for state in EnrollmentState.values}
        return Response(self.get_serializer({**states, "steps": steps}).data)

    def revised(self, row: SequenceVersion) -> Sequence:
        return row.sequence
