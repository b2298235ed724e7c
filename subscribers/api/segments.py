from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.audit import Actor
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import ArchivedFilter, Named, ResourceSerializer, Strict
from emailseq.lib.api.schema import Fault
from subscribers import services
from subscribers.api.addresses import AddressFilter, beginning
from subscribers.api.subscribers import SHOWN, SubscriberSerializer
from subscribers.models import Segment, SegmentMember, Subscriber
from subscribers.segments import rules
from subscribers.segments.explain import explain_all
from subscribers.segments.preview import preview
from subscribers.states import SegmentKind, SegmentState

ANNOUNCE = "Whether the log is told who comes and goes by the rule at first."


class SegmentSerializer(Named, ResourceSerializer):
    rule = serializers.JSONField(help_text="docs/integrators/rules.md; names by public id or slug.")
    sentence = serializers.CharField(read_only=True, help_text="The rule in plain words.")
    announce = serializers.BooleanField(write_only=True, required=False, help_text=ANNOUNCE)

    class Meta:
        model = Segment
        fields = [
            *("id", "name", "slug", "rule", "sentence", "kind", "state", "announce"),
            *("member_count", "leaving_count", "refreshed_at", "created_at", "archived_at"),
        ]


class SegmentChanges(SegmentSerializer):
    class Meta(SegmentSerializer.Meta):
        fields = ["name", "slug", "rule", "announce"]


class SegmentFilters(ArchivedFilter):
    kind = serializers.ChoiceField(SegmentKind.choices, required=False)
    state = serializers.ChoiceField(SegmentState.choices, required=False)


class PreviewWanted(Strict):
    rule = serializers.JSONField()


class SampleSerializer(serializers.ModelSerializer[Subscriber]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = Subscriber
        fields = ["id", "email", "first_name", "last_name"]


class PreviewSerializer(serializers.Serializer[Any]):
    rule = serializers.JSONField(help_text="With public ids for slugs.")
    sentence = serializers.CharField()
    count = serializers.IntegerField()
    is_estimate = serializers.BooleanField(help_text="Counting would have taken too long.")
    people = SampleSerializer(many=True, help_text="A few; none without `subscribers:read`.")
    warnings = Fault(many=True, help_text="What is odd, but may be meant.")


def _archive_unchanged(segment: Segment, *, expected_revision: int, by: Actor) -> None:
    """Like `archive_segment`, if nobody has changed it since it was read."""
    services.archive_segment(segment, by=by)


class Segments(Resource):
    """Saved rules over subscribers, whose members follow by themselves."""

    queryset = Segment.objects.select_related("workspace")
    serializer_class = SegmentSerializer
    filters = SegmentFilters
    inputs = {"partial_update": SegmentChanges, "preview": PreviewWanted}
    permissions = reads("segments", create="segments:write", preview="segments:read")
    verbs = {
        "partial_update": Verb(services.update_segment, "segments:write", guarded=True),
        "destroy": Verb(_archive_unchanged, "segments:write", guarded=True, gone=True),
        "freeze": Verb(services.freeze_segment, "segments:write"),
        "recount": Verb(services.recount_segment, "segments:write"),
        "confirm": Verb(services.let_members_leave, "segments:write"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Make a segment; its members are looked up within a minute."""
        return self.make(services.create_segment)

    @extend_schema(responses=PreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: ApiRequest) -> Response:
        """How many a rule matches, some of them, and the rule in plain words."""
        shown = PreviewSerializer(preview(self.body()["rule"], request.workspace)).data
        if "subscribers:read" not in request.permissions:
            shown["people"] = []
        return Response(shown)

    def paginate_queryset(self, queryset: QuerySet[Any]) -> list[Any]:  # type: ignore[override]
        return self._say(super().paginate_queryset(queryset) or ())

    def shown(self, row: Segment, status: int = 200) -> Response:
        self._say([row])
        return super().shown(row, status)

    def _say(self, segments: Iterable[Segment]) -> list[Segment]:
        """Give each its sentence, which takes the same few queries however many they are."""
        said = list(segments)
        sentences = explain_all([rules.parse(one.rule) for one in said], self.request.workspace)
        for segment, sentence in zip(said, sentences, strict=True):
            segment.sentence = sentence  # type: ignore[attr-defined]
        return said


class SegmentMembers(Resource):
    """The people in a segment, newest first."""

    queryset = Subscriber.objects.prefetch_related(*SHOWN)
    serializer_class = SubscriberSerializer
    filters = AddressFilter
    permissions = {"list": "subscribers:read"}

    def get_queryset(self) -> QuerySet[Any]:
        segments = Segment.objects.of(self.request.workspace)
        segment = self.found(segments, self.kwargs["id"])
        inside = SegmentMember.objects.filter(segment=segment, subscriber=OuterRef("pk"))
        return super().get_queryset().filter(Exists(inside))

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        return super().filtered(beginning(rows, values.pop("q", "")), **values)
