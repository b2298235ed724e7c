from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Reference, Strict
from sequences.models import Sequence, Step
from sequences.services import edit
from sequences.states import StepKind
from templates_app.models import Template

TEMPLATES = Template.objects.filter(archived_at=None)


class StepSerializer(Strict, serializers.ModelSerializer[Step]):
    id = serializers.CharField(source="key", read_only=True)
    number = serializers.IntegerField(source="position", read_only=True)
    template = Reference(TEMPLATES, required=False, allow_null=True)

    class Meta:
        model = Step
        fields = ["id", "number", "kind", "template", "delay"]


class StepChanges(Strict):
    template = Reference(TEMPLATES, required=False)
    delay = serializers.DurationField(required=False, help_text="ISO 8601, e.g. P2D.")


class NewStep(StepChanges):
    kind = serializers.ChoiceField(StepKind.choices)
    number = serializers.IntegerField(
        source="to", required=False, min_value=1, max_value=1000, help_text="By default the last."
    )


class StepMove(Strict):
    to = serializers.IntegerField(min_value=1, max_value=1000, help_text="Its number from now on.")


class Steps(Resource):
    """The steps of a sequence's draft, in their order. Their ETag is the one of the sequence."""

    queryset = Sequence.objects.all()
    lookup_value_regex = "stp_[0-9a-z]+"
    serializer_class = StepSerializer
    inputs = {"create": NewStep}
    permissions = reads("sequences", create="sequences:write")
    verbs = {
        "partial_update": Verb(edit.update_step, "sequences:write", StepChanges, guarded=True),
        "destroy": Verb(edit.remove_step, "sequences:write", guarded=True, gone=True),
        "move": Verb(edit.move_step, "sequences:write", StepMove),
    }

    def get_queryset(self) -> QuerySet[Any]:
        return self.sequence().steps.select_related("template", "sequence").order_by("position")

    def get_object(self) -> Any:
        return get_object_or_404(self.get_queryset(), key=self.kwargs["id"])

    def sequence(self) -> Sequence:
        return self.found(Sequence.objects.of(self.request.workspace), self.kwargs["sequence"])

    def create(self, request: ApiRequest, **_: Any) -> Response:
        """Insert a step, at the end or as number `number`."""
        sequence = self.sequence()
        return self.made(edit.add_step(sequence, by=request.actor, **self.body()))

    def revised(self, row: Step) -> Sequence:
        return row.sequence

    def location(self, row: Step) -> str:
        return reverse("steps-detail", args=[row.sequence.public_id, row.key])
