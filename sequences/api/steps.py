from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Reference, Strict
from emailseq.lib.errors import Invalid
from sequences import draft
from sequences.api.durations import Duration
from sequences.models import Sequence, Step
from sequences.program import METRICS
from sequences.services import edit
from sequences.states import StepKind
from templates_app.models import Template

TEMPLATES = Template.objects.filter(archived_at=None)


class StepChanges(Strict):
    """The members that a step of its kind has; null takes one away."""

    template = Reference(TEMPLATES, required=False)
    variants = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text='Contents by weight, e.g. [{"template": "hello", "weight": 1}, …].',
    )
    thread = serializers.CharField(
        required=False, allow_null=True, help_text="The email whose thread this one continues."
    )
    metric = serializers.ChoiceField(
        METRICS,
        required=False,
        allow_null=True,
        help_text="By what one of the variants wins; without, their weights stay.",
    )
    minimum = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="How often each variant is tried before one can win; by default 100.",
    )
    delay = Duration(required=False, allow_null=True)
    until = serializers.JSONField(
        required=False, allow_null=True, help_text='E.g. {"weekdays": [1], "time": "09:00"}.'
    )
    timeout = Duration(required=False, allow_null=True)
    arms = serializers.JSONField(
        required=False, help_text='E.g. [{"name": "VIPs", "when": {"rule": {…}}}, …], all of them.'
    )
    action = serializers.JSONField(
        required=False, help_text='E.g. {"kind": "add_tag", "tag": "vip"}.'
    )
    reason = serializers.CharField(required=False, allow_blank=True, allow_null=True)


class StepPlace(Strict):
    """Where a step stands: in an arm of another step or, without a parent, in none."""

    parent = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_null=True
    )
    arm = serializers.CharField(required=False, allow_blank=True)


class NewStep(StepPlace, StepChanges):
    kind = serializers.ChoiceField(StepKind.choices)
    key = serializers.CharField(required=False, help_text="Its id; by default a new one.")
    number = serializers.IntegerField(
        source="to", required=False, min_value=1, max_value=1000, help_text="By default the last."
    )


class StepMove(StepPlace):
    to = serializers.IntegerField(min_value=1, max_value=1000, help_text="Its number from now on.")


class StepSerializer(StepChanges):
    """A step, with the members that its kind has."""

    id = serializers.CharField(read_only=True)
    kind = serializers.ChoiceField(StepKind.choices, read_only=True)
    parent = serializers.CharField(  # type: ignore[assignment]
        read_only=True, allow_null=True
    )
    arm = serializers.CharField(read_only=True)
    number = serializers.IntegerField(read_only=True)

    def to_representation(self, instance: Step) -> dict[str, Any]:
        return {
            "id": instance.key,
            "kind": instance.kind,
            "parent": instance.parent.key if instance.parent else None,
            "arm": instance.arm,
            "number": instance.position,
            **draft.members(instance),
        }


class StepsSerializer(serializers.Serializer[Any]):
    data = StepSerializer(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True, help_text="Always null: these are all.")


class Steps(Resource):
    """The steps of a sequence's draft. Their ETag is the one of the sequence."""

    queryset = Sequence.objects.all()
    lookup_value_regex = "[a-z0-9][a-z0-9_-]*"
    serializer_class = StepSerializer
    pagination_class = None
    inputs = {"create": NewStep}
    permissions = reads("sequences", create="sequences:write", duplicate="sequences:write")
    verbs = {
        "partial_update": Verb(edit.update_step, "sequences:write", StepChanges, guarded=True),
        "destroy": Verb(edit.remove_step, "sequences:write", guarded=True, gone=True),
        "move": Verb(edit.move_step, "sequences:write", StepMove),
    }

    def get_queryset(self) -> QuerySet[Any]:
        steps = self.sequence().steps.select_related("template", "sequence", "parent")
        return steps.prefetch_related("variants__template")

    def get_object(self) -> Any:
        return get_object_or_404(self.get_queryset(), key=self.kwargs["id"])

    def sequence(self) -> Sequence:
        return self.found(Sequence.objects.of(self.request.workspace), self.kwargs["sequence"])

    @extend_schema(responses=StepsSerializer)
    def list(self, request: ApiRequest, **_: Any) -> Response:
        """All of them in order, a block before what stands in its arms."""
        sequence = self.sequence()
        self.narrow(Sequence.objects.none(), request.query_params.dict())
        nodes = draft.walk(draft.read(sequence))
        steps = self.get_serializer([node.step for node in nodes], many=True).data
        return Response({"data": steps, "next_cursor": None})

    def create(self, request: ApiRequest, **_: Any) -> Response:
        """Insert a step, at the end or as number `number`, of an arm or of the sequence."""
        sequence = self.sequence()
        return self.made(edit.add_step(sequence, by=request.actor, **self.body()))

    @extend_schema(responses={201: StepSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: ApiRequest, **_: Any) -> Response:
        """Put a copy of it, and of all in its arms, right behind it."""
        return self.made(edit.duplicate_step(self.get_object(), by=request.actor))

    def body(self) -> Any:
        """The values of the body, with the step that `parent` names."""
        values = super().body()
        if "parent" in values and (key := values["parent"]) is not None:
            values["parent"] = self.sequence().steps.filter(key=key).first()
            if values["parent"] is None:
                raise Invalid.field("parent", "not_found", "There is no such step.")
        elif "parent" in values and self.action == "move":
            values.setdefault("arm", "")
        return values

    def revised(self, row: Step) -> Sequence:
        return row.sequence

    def location(self, row: Step) -> str:
        return reverse("steps-detail", args=[row.sequence.public_id, row.key])
