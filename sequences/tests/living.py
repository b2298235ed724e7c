"""Sequences with blocks and actions, made by the public verbs from documents, and their people."""

from __future__ import annotations

from typing import Any

from accounts.audit import SYSTEM
from delivery.models import Outbox
from sequences.models import Enrollment, Sequence
from sequences.services import edit
from sequences.services.publish import publish
from sequences.tests.factories import SequenceFactory
from subscribers import services as people
from subscribers.facts import CustomEvent
from subscribers.models import Event, Subscriber, Tag
from subscribers.tests.factories import CustomFieldFactory
from templates_app.models import Template
from templates_app.tests.factories import TemplateFactory

HELLO = {"kind": "email", "key": "hello", "template": "hello"}
TIPS = {"kind": "email", "key": "tips", "template": "hello"}
BYE = {"kind": "email", "key": "bye", "template": "hello"}
A_DAY = {"kind": "wait", "key": "a-day", "delay": "P1D"}


def act(key: str = "act", **action: Any) -> dict[str, Any]:
    return {"kind": "action", "key": key, "action": action}


def wait_until(*arms: dict[str, Any], key: str = "until", timeout: str = "P1D") -> dict[str, Any]:
    return {"kind": "wait_until", "key": key, "timeout": timeout, "arms": [*arms]}


def make_playing(
    *steps: dict[str, Any],
    triggers: list[dict[str, Any]] | None = None,
    goals: Any = (),
    exits: Any = (),
    fields: tuple[tuple[str, str], ...] = (),
    **settings: Any,
) -> Sequence:
    """A live sequence of these steps; its workspace has the template `hello` and the tag `vip`."""
    sequence = SequenceFactory(**settings)
    workspace = sequence.workspace
    if not Template.objects.of(workspace).filter(slug="hello").exists():
        TemplateFactory(workspace=workspace, slug="hello")
    Tag.objects.get_or_create(workspace=workspace, slug="vip", defaults={"name": "VIP"})
    for key, kind in fields:
        CustomFieldFactory(workspace=workspace, key=key, kind=kind)
    edit.put_draft(sequence, document={"steps": [*steps]}, by=SYSTEM)
    edit.set_triggers(sequence, triggers=triggers or [], by=SYSTEM)
    edit.set_endings(sequence, goals=goals, exits=exits, by=SYSTEM)
    publish(sequence, by=SYSTEM)
    return sequence


def tell(person: Subscriber, name: str, *, workspace: Any = None, **options: Any) -> None:
    """Somebody does something, as an integrator tells it."""
    fact = CustomEvent(name, uid=person.uid, **options)
    people.record_event(workspace or person.workspace, fact, by=SYSTEM)


def queued(person: Subscriber | None = None) -> list[str]:
    """The steps whose messages are in the outbox, not cancelled, in order."""
    rows = Outbox.objects.filter(cancelled_at=None).order_by("id")
    if person:
        rows = rows.filter(subscriber=person)
    return [*rows.values_list("step_key", flat=True)]


def told(person: Subscriber, *kinds: str) -> list[tuple[str, str, str]]:
    """What the log tells of somebody: kind, step and reason (or arm)."""
    events = Event.objects.filter(subscriber=person, kind__in=kinds).order_by("id")
    return [
        (each.kind, each.step_key, each.properties.get("reason") or each.properties.get("arm", ""))
        for each in events
    ]


def only_run(sequence: Sequence) -> Enrollment:
    return Enrollment.objects.get(sequence=sequence)
