from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, crud
from accounts.authentication import ApiRequest
from analytics.numbers import Numbers, numbers, numbers_by_step
from delivery.states import SourceKind
from emailseq.lib import ids, state
from emailseq.lib.api.fields import Strict
from emailseq.lib.errors import Conflict
from sequences.api.serializers import (
    Enroll,
    EnrolledSerializer,
    EnrollmentFilters,
    EnrollmentSerializer,
    Exit,
    NewStep,
    RunFilters,
    SequenceFilters,
    SequenceSerializer,
    SequenceStatsSerializer,
    StepChanges,
    StepMove,
    StepSerializer,
    Triggers,
)
from sequences.models import Enrollment, Sequence, Step, Trigger
from sequences.services import edit, lifecycle
from sequences.services.enroll import enroll
from sequences.services.publish import publish
from sequences.states import ENROLLMENT_MOVES
from subscribers.models import Subscriber

TRIGGERS = Prefetch("triggers", Trigger.objects.select_related("list").order_by("id"))


class Sequences(Resource):
    """Automations: settings and triggers, which act at once, and steps, which are published."""

    queryset = Sequence.objects.select_related("list", "sender", "live_version").prefetch_related(
        TRIGGERS
    )
    serializer_class = SequenceSerializer
    filters = SequenceFilters
    inputs = {"triggers": Triggers}
    guarded = {"partial_update", "destroy", "publish", "triggers"}
    permissions = crud(
        "sequences",
        archive="sequences:write",
        triggers="sequences:write",
        publish="sequences:publish",
        pause="delivery:pause",
        resume="delivery:pause",
        stats="reports:read",
    )

    def create(self, request: ApiRequest) -> Response:
        """Make a draft without steps and triggers."""
        values = self.body()
        return self.made(edit.create_sequence(request.workspace, by=request.actor, **values))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        return self.act(edit.update)

    def destroy(self, request: ApiRequest, **_: Any) -> Response:
        """Like `archive`, if nobody has changed it since it was read."""
        sequence = self.get_object()
        self.expected(sequence)
        lifecycle.archive_sequence(sequence, by=request.actor)
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def archive(self, request: ApiRequest, **_: Any) -> Response:
        """End it for good: its messages are cancelled, and all runs exit."""
        return self.act(lifecycle.archive_sequence)

    @action(detail=True, methods=["put"])
    def triggers(self, request: ApiRequest, **_: Any) -> Response:
        """State what starts runs, instead of what did so far."""
        return self.act(edit.set_triggers)

    @action(detail=True, methods=["post"])
    def publish(self, request: ApiRequest, **_: Any) -> Response:
        """Freeze the steps into a version that runs follow from now on; a draft goes live."""
        return self.act(publish)

    @action(detail=True, methods=["post"])
    def pause(self, request: ApiRequest, **_: Any) -> Response:
        """Let nothing happen; people keep their places."""
        return self.act(lifecycle.pause_sequence)

    @action(detail=True, methods=["post"])
    def resume(self, request: ApiRequest, **_: Any) -> Response:
        """Go on; what became due meanwhile happens now."""
        return self.act(lifecycle.resume_sequence)

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


class Steps(Resource):
    """The steps of a sequence's draft, in their order. Their ETag is the one of the sequence."""

    queryset = Sequence.objects.all()
    serializer_class = StepSerializer
    inputs = {"create": NewStep, "partial_update": StepChanges, "move": StepMove}
    guarded = {"partial_update", "destroy"}
    permissions = crud("sequences", move="sequences:write")

    def get_queryset(self) -> QuerySet[Any]:
        return self.sequence().steps.select_related("template", "sequence").order_by("position")

    def get_object(self) -> Step:
        key = self.kwargs["id"]
        step: Step | None = (
            self.get_queryset().filter(key=key).first() if ids.decode("stp", key) else None
        )
        if step is None:
            raise Http404
        return step

    def sequence(self) -> Sequence:
        return self.found(Sequence.objects.of(self.request.workspace), self.kwargs["sequence"])

    def create(self, request: ApiRequest, **_: Any) -> Response:
        """Insert a step, at the end or as number `number`."""
        sequence = self.sequence()
        return self.made(edit.add_step(sequence, by=request.actor, **self.body()))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Change the template of an email, or the delay of a wait."""
        step = self.get_object()
        settings: dict[str, Any] = {
            "template": step.template,
            "delay": step.delay,
            **self.body(),
            **self.expected(step),
        }
        edit.update_step(step, by=request.actor, **settings)
        return self.shown(self.again(step))

    def destroy(self, request: ApiRequest, **_: Any) -> Response:
        """Take the step out of the draft; people inside go on with it, on their version."""
        return self.ended(edit.remove_step)

    @action(detail=True, methods=["post"])
    def move(self, request: ApiRequest, **_: Any) -> Response:
        """Give the step another number."""
        return self.act(edit.move_step)

    def revised(self, row: Step) -> Sequence:
        return row.sequence

    def location(self, row: Step) -> str:
        return reverse("steps-detail", args=[row.sequence.public_id, row.key])


class Enrollments(Resource):
    """People's ways through sequences."""

    queryset = Enrollment.objects.select_related("sequence", "subscriber", "version").defer(
        "version__program"
    )
    serializer_class = EnrollmentSerializer
    filters: ClassVar[type[Strict]] = EnrollmentFilters
    inputs = {"create": Enroll, "exit": Exit}
    permissions = {
        "list": "sequences:read",
        "retrieve": "sequences:read",
        "create": "sequences:publish",
        "pause": "sequences:write",
        "resume": "sequences:write",
        "exit": "sequences:write",
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

    @action(detail=True, methods=["post"])
    def pause(self, request: ApiRequest, **_: Any) -> Response:
        """Hold the run and its messages where they are."""
        return self.move(lifecycle.pause)

    @action(detail=True, methods=["post"])
    def resume(self, request: ApiRequest, **_: Any) -> Response:
        """Let the run go on; what became due meanwhile happens at once."""
        return self.move(lifecycle.resume)

    @action(detail=True, methods=["post"])
    def exit(self, request: ApiRequest, **_: Any) -> Response:
        """End the run early, and cancel what is not on the wire."""
        return self.move(lifecycle.exit)

    def move(self, verb: Callable[..., int]) -> Response:
        """Call a verb of several runs with this one. Raises StateConflict if it cannot move."""
        run = self.get_object()
        moved = verb(Enrollment.objects.filter(pk=run.pk), by=self.request.actor, **self.body())
        run = self.again(run)
        if not moved and run.state != ENROLLMENT_MOVES[self.action].target:
            raise state.refusal(self.action, ENROLLMENT_MOVES, state=run.state)
        return self.shown(run)


class SubscriberEnrollments(Enrollments):
    """One person's ways through sequences."""

    filters = RunFilters

    def get_queryset(self) -> QuerySet[Any]:
        people = Subscriber.objects.of(self.request.workspace)
        return super().get_queryset().filter(subscriber=self.found(people, self.kwargs["id"]))
