from __future__ import annotations

import time
import uuid
from datetime import timedelta

import factory

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from delivery import services as delivery
from delivery.models import Outbox
from delivery.states import Outcome, SourceKind
from delivery.tests.factories import SenderFactory
from sequences.models import Enrollment, Sequence, Step
from sequences.services import edit
from sequences.services.enroll import enroll
from sequences.services.publish import publish
from sequences.states import StepKind
from subscribers import feed
from subscribers.models import Cursor, Event, List
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.tests.factories import TemplateFactory

EMAIL = StepKind.EMAIL
DAY = timedelta(days=1)


class SequenceFactory(factory.django.DjangoModelFactory):
    """A draft without steps, whose consent is a list of its own."""

    class Meta:
        model = Sequence

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"Sequence {n}")
    slug = factory.Sequence(lambda n: f"sequence-{n}")
    list = factory.SubFactory(ListFactory, workspace=factory.SelfAttribute("..workspace"))
    sender = factory.SubFactory(SenderFactory, workspace=factory.SelfAttribute("..workspace"))


def make_draft(*steps: str | timedelta, **fields) -> Sequence:
    """A draft that could be published: `EMAIL` is a message of its own, a timedelta a wait."""
    sequence = SequenceFactory(**fields)
    for step in steps:
        add_step(sequence, step)
    triggers = [joining(sequence.list)] if sequence.list else []
    return edit.set_triggers(sequence, triggers=triggers, by=SYSTEM)


def joining(joined: List) -> dict[str, object]:
    """The trigger for whoever joins a list."""
    return {"kind": "list_joined", "list": joined}


def make_live(*steps: str | timedelta, **fields) -> Sequence:
    """The same, published."""
    sequence = make_draft(*steps, **fields)
    publish(sequence, by=SYSTEM)
    return sequence


def add_step(sequence: Sequence, step: str | timedelta, **options) -> Step:
    if step == EMAIL:
        template = TemplateFactory(workspace=sequence.workspace)
        return edit.add_step(sequence, kind=EMAIL, template=template, by=SYSTEM, **options)
    return edit.add_step(sequence, kind=StepKind.WAIT, delay=step, by=SYSTEM, **options)


def make_runs(sequence: Sequence, count: int = 1) -> list[Enrollment]:
    """Enroll `count` new people, who are on the list of the sequence."""
    people = make_audience(count, on=sequence.list)
    enroll(sequence, [person.pk for person in people], by=SYSTEM)
    runs = Enrollment.objects.filter(sequence=sequence, subscriber__in=people)
    return [*runs.order_by("pk")]


def let_leave(outcome: str = Outcome.SENT, **which) -> int:
    """Finish messages of the outbox, as a pump would."""
    token = uuid.uuid4()
    messages = Outbox.objects.filter(kind=SourceKind.SEQUENCE, **which)
    messages.update(lease_token=token)
    results = [(pk, outcome, "", "") for pk in messages.values_list("pk", flat=True)]
    return delivery.finish(results, token=token) if results else 0


def consume() -> None:
    """Let the consumer come to all that is committed now.

    Whoever else writes in this cluster holds the log back, so it may take more than one turn.
    """
    newest = Event.objects.order_by("-xid").values_list("xid", flat=True).first() or 0
    until = time.monotonic() + 20
    while not Cursor.objects.filter(name="sequences", xid__gte=newest).exists():
        assert time.monotonic() < until, "the consumer does not come there"
        if not feed.run("sequences"):
            time.sleep(0.01)
