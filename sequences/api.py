from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.audit import Actor
from accounts.authentication import ApiRequest
from analytics.api import NumbersSerializer
from analytics.numbers import Numbers, numbers, numbers_by_step
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib import ids, state
from emailseq.lib.api.fields import Named, Reference, ResourceSerializer, Strict
from emailseq.lib.errors import Conflict
from sequences.models import Enrollment, Sequence, Step
from sequences.services import edit, lifecycle
from sequences.services.enroll import enroll
from sequences.services.publish import publish
from sequences.states import ENROLLMENT_MOVES, EnrollmentState, SequenceState, StepKind
from subscribers.models import List, Subscriber
from templates_app.models import Template

LISTS = List.objects.filter(archived_at=None)
PEOPLE = Subscriber.objects.filter(archived_at=None)
TEMPLATES = Template.objects.filter(archived_at=None)
TRIGGERS = Prefetch("triggers", List.objects.order_by("id"))
MOST_AT_ONCE = 1000


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
        return {"lists": [each.public_id for each in sequence.triggers.all()]}


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


class EnrollmentSerializer(ResourceSerializer):
    sequence = Reference(Sequence.objects.all(), read_only=True)
    subscriber = Reference(Subscriber.objects.all(), read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    step = serializers.CharField(source="position", read_only=True)

    class Meta:
        model = Enrollment
        fields = [
            *("id", "sequence", "subscriber", "version", "run", "state", "step", "due_at"),
            *("started_at", "entered_step_at", "paused_at", "ended_at", "reason"),
        ]
        read_only_fields = fields


class EnrollmentFilters(Strict):
    sequence = Reference(Sequence.objects.all(), required=False)
    state = serializers.ChoiceField(EnrollmentState.choices, required=False)
    subscriber = Reference(Subscriber.objects.all(), required=False)


class PeopleField(serializers.ListField):
    """Ids of people, read in one query; everyone who is not there is a fault of its own."""

    child = serializers.CharField()

    def to_internal_value(self, data: Any) -> list[Subscriber]:
        uids = [ids.decode(Subscriber.prefix, name) for name in super().to_internal_value(data)]
        of_workspace = PEOPLE.of(self.context["request"].workspace)
        found = {person.uid: person for person in of_workspace.filter(uid__in=filter(None, uids))}
        missing = [place for place, uid in enumerate(uids) if uid not in found]
        if missing:
            fault = ErrorDetail("There is no such subscriber.", "not_found")
            raise serializers.ValidationError({str(place): [fault] for place in missing})
        return [found[uid] for uid in uids if uid]


class Enroll(Strict):
    """One `subscriber`, or up to a thousand `subscribers`."""

    sequence = Reference(Sequence.objects.all())
    subscriber = Reference(PEOPLE, required=False)
    subscribers = PeopleField(required=False, allow_empty=False, max_length=MOST_AT_ONCE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("subscriber" in attrs) == ("subscribers" in attrs):
            raise serializers.ValidationError("Either one subscriber, or several.", "required")
        return attrs


class EnrolledSerializer(serializers.Serializer[Any]):
    started = serializers.IntegerField(help_text="Runs that began.")
    passed_over = serializers.IntegerField(help_text="Whoever is inside, or has been, already.")


class Exit(Strict):
    reason = serializers.CharField(required=False, max_length=300)


class Enrollments(Resource):
    """People's ways through sequences."""

    queryset = Enrollment.objects.select_related("sequence", "subscriber", "version").defer(
        "version__program"
    )
    serializer_class = EnrollmentSerializer
    filters = EnrollmentFilters
    inputs = {"create": Enroll}
    permissions = reads("sequences", create="sequences:publish")
    verbs = {
        "pause": Verb(lifecycle.pause, "sequences:write"),
        "resume": Verb(lifecycle.resume, "sequences:write"),
        "exit": Verb(lifecycle.exit, "sequences:write", Exit),
    }

    @extend_schema(responses={200: EnrolledSerializer, 201: EnrollmentSerializer})
    def create(self, request: ApiRequest) -> Response:
        """Start a run: 201. Start several: 200, and who is inside or has been is passed over."""
        values = self.body()
        sequence, one = values["sequence"], values.get("subscriber")
        people = [one] if one else values["subscribers"]
        started = enroll(sequence, [person.pk for person in people], by=request.actor)
        if not one:
            passed_over = len(set(people)) - started
            return Response({"started": started, "passed_over": passed_over})
        run = self.get_queryset().filter(sequence=sequence, subscriber=one).order_by("-pk").first()
        if run is None:  # archived a moment ago
            raise Http404
        if not started:
            raise Conflict("This person is inside, or has been.", id=run.public_id)
        return self.made(run)

    def call(self, verb: Verb) -> Enrollment:
        """Call a verb of several runs with this one. Raises StateConflict if it cannot move."""
        run: Enrollment = self.get_object()
        moved = verb.run(Enrollment.objects.filter(pk=run.pk), by=self.request.actor, **self.body())
        run.refresh_from_db(fields=["state"])
        if not moved and run.state != ENROLLMENT_MOVES[self.action].target:
            raise state.refusal(self.action, ENROLLMENT_MOVES, state=run.state)
        return run


class SubscriberEnrollments(Enrollments):
    """One person's ways through sequences."""

    def get_queryset(self) -> QuerySet[Any]:
        people = Subscriber.objects.of(self.request.workspace)
        return super().get_queryset().filter(subscriber=self.found(people, self.kwargs["id"]))
