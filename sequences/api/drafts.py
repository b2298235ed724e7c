from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Strict
from sequences import draft, versions
from sequences.api.durations import Duration
from sequences.diff import Changed
from sequences.impact import impact
from sequences.models import Sequence
from sequences.services import edit


class DraftSerializer(Strict):
    """The steps of a draft, those in the arms of blocks within them."""

    steps = serializers.ListField(
        child=serializers.JSONField(), help_text='E.g. {"kind": "wait", "delay": "P2D"}.'
    )

    def to_internal_value(self, data: Any) -> Any:
        return {"document": super().to_internal_value(data)}

    def to_representation(self, instance: Sequence) -> draft.Document:
        return draft.written(instance)


class MemberSerializer(serializers.Serializer[Any]):
    member = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ChangedSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="key")
    kind = serializers.CharField()
    label = serializers.CharField(help_text="Where it stands, or stood: 2 › VIPs › 1.")  # type: ignore[assignment]
    members = serializers.SerializerMethodField()

    @extend_schema_field(MemberSerializer(many=True))
    def get_members(self, step: Changed) -> list[Mapping[str, Any]]:
        return [
            {"member": name, "before": before, "after": after}
            for name, (before, after) in step.members.items()
        ]


class DiffSerializer(serializers.Serializer[Any]):
    """The live version against the draft, step by step."""

    added = ChangedSerializer(many=True)
    removed = ChangedSerializer(many=True)
    moved = ChangedSerializer(many=True)
    changed = ChangedSerializer(many=True)


class StandingSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    step = serializers.CharField(help_text="Empty: those who have not begun.")
    label = serializers.CharField()  # type: ignore[assignment]
    people = serializers.IntegerField()
    removed = serializers.BooleanField(help_text="Whether the draft has this step no more.")
    then = serializers.CharField(
        help_text="Where they would stay, or what would come next, if they moved. Empty: the end."
    )
    then_label = serializers.CharField()
    passed_over = serializers.ListField(
        child=serializers.CharField(),
        help_text="Emails and actions that they would not come to any more.",
    )


class WaitSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    version = serializers.IntegerField()
    before = Duration()
    after = Duration()
    people = serializers.IntegerField()


class ImpactSerializer(serializers.Serializer[Any]):
    """Who is inside, where they stand, and what moving them would mean."""

    inside = serializers.IntegerField()
    standing = StandingSerializer(many=True)
    waits = WaitSerializer(many=True)
    token = serializers.CharField(
        help_text="Pass it as `impact` when you publish: if much has changed since, that is stale."
    )


class Drafts(Resource):
    """The steps of a sequence's draft as one document. Its ETag is the one of the sequence."""

    queryset = Sequence.objects.select_related("live_version")
    serializer_class = DraftSerializer
    permissions = {
        "retrieve": "sequences:read",
        "diff": "sequences:read",
        "preview": "sequences:read",
    }
    verbs = {
        "replace": Verb(edit.put_draft, "sequences:write", DraftSerializer, "put", guarded=True),
        "undo": Verb(edit.undo, "sequences:write", guarded=True),
    }

    @extend_schema(responses=DiffSerializer)
    def diff(self, request: ApiRequest, **_: Any) -> Response:
        """What the draft changes, against the live version."""
        return Response(DiffSerializer(versions.difference(self.get_object())).data)

    @extend_schema(responses=ImpactSerializer)
    def preview(self, request: ApiRequest, **_: Any) -> Response:
        """What publishing the draft would mean for those who are inside."""
        return Response(ImpactSerializer(impact(self.get_object())).data)
