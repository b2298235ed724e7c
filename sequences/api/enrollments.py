from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib import state
from emailseq.lib.api.fields import Reference, References, ResourceSerializer, Strict
from emailseq.lib.errors import Conflict
from sequences.models import Enrollment, Sequence
from sequences.services import lifecycle
from sequences.services.enroll import enroll
from sequences.states import ENROLLMENT_MOVES, EnrollmentState
from subscribers.models import Subscriber

PEOPLE = Subscriber.objects.filter(archived_at=None)
MOST_AT_ONCE = 1000


class EnrollmentSerializer(ResourceSerializer):
    sequence = Reference(Sequence.objects.all(), read_only=True)
    subscriber = Reference(Subscriber.objects.all(), read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    step = serializers.SerializerMethodField()

    class Meta:
        model = Enrollment
        fields = [
            *("id", "sequence", "subscriber", "version", "run", "state", "step", "due_at"),
            *("started_at", "entered_step_at", "paused_at", "ended_at", "reason"),
        ]
        read_only_fields = fields

    def get_step(self, run: Enrollment) -> str:
        return run.position.partition("/")[0]


class EnrollmentFilters(Strict):
    sequence = Reference(Sequence.objects.all(), required=False)
    state = serializers.ChoiceField(EnrollmentState.choices, required=False)
    subscriber = Reference(Subscriber.objects.all(), required=False)


class Enroll(Strict):
    """One `subscriber`, or up to a thousand `subscribers`."""

    sequence = Reference(Sequence.objects.all())
    subscriber = Reference(PEOPLE, required=False)
    subscribers = References(PEOPLE, required=False, max_length=MOST_AT_ONCE)

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
