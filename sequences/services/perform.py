"""Do what the action steps of many runs say: one verb for all who come to the same action."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from accounts.audit import Actor
from delivery.models import WebhookEndpoint
from delivery.services import webhooks
from delivery.services.notices import send_notice
from emailseq.lib import clock, ids
from emailseq.lib.errors import Invalid
from sequences import actions, kinds, models
from sequences.actions import Action
from sequences.events import of_run
from sequences.models import Enrollment
from sequences.runs import Run
from sequences.services.enroll import MAX_HOPS, Ask, start
from sequences.states import OPEN
from subscribers import events
from subscribers import services as people
from subscribers.models import List, Subscriber, Tag
from subscribers.services import Consent, crowds

MOST_NAMED = 50  # people in a mail to a teammate
TOO_MANY_HOPS = "Sequences have led into each other {} times without an end."


class Task(NamedTuple):
    """An action that a run has come to."""

    run: Run
    step_key: str
    action: Action


class Gone(LookupError):
    """What an action names is not there any more."""


def perform(
    tasks: Iterable[Sequence[Task]], sequences: Mapping[int, models.Sequence]
) -> dict[tuple[int, str], str]:
    """Do the tasks of many runs, those of each in their order.

    Returns why some could not be done, by run id and step key: their runs go on.
    """
    objections: dict[tuple[int, str], str] = {}
    for layer in zip_longest(*tasks):
        for (sequence_id, action), group in _alike(filter(None, layer)).items():
            try:
                found = HANDLERS[type(action)](action, group, sequences[sequence_id])
            except (Gone, Invalid) as error:
                found = dict.fromkeys((task.run.id for task in group), str(error))
            objections |= {
                (task.run.id, task.step_key): found[task.run.id]
                for task in group
                if found and task.run.id in found
            }
    return objections


def _alike(tasks: Iterable[Task]) -> dict[tuple[int, Action], list[Task]]:
    """The tasks by sequence and action."""
    groups: dict[tuple[int, Action], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.run.sequence_id, task.action), []).append(task)
    return groups


Group = Sequence[Task]
Objections = Mapping[int, str] | None
Handler = Callable[[Any, Group, models.Sequence], Objections]


def _add_tag(action: actions.AddTag, group: Group, sequence: models.Sequence) -> Objections:
    people.tag_people(_find(Tag, sequence, action.tag), _ids(group), by=_actor(sequence))
    return None


def _remove_tag(action: actions.RemoveTag, group: Group, sequence: models.Sequence) -> Objections:
    people.untag_people(_find(Tag, sequence, action.tag), _ids(group), by=_actor(sequence))
    return None


def _add_list(action: actions.AddList, group: Group, sequence: models.Sequence) -> Objections:
    to = _find(List, sequence, action.list)
    if to.archived_at:
        raise Gone(f"The list “{to}” is archived.")
    consent = Consent(f"sequence {sequence.name}")
    crowds.subscribe_people(to, _ids(group), consent=consent, by=_actor(sequence))
    return None


def _remove_list(action: actions.RemoveList, group: Group, sequence: models.Sequence) -> Objections:
    source = _find(List, sequence, action.list)
    reason = f"sequence {sequence.name}"
    crowds.unsubscribe_people(source, _ids(group), by=_actor(sequence), reason=reason)
    return None


def _set_field(action: actions.SetField, group: Group, sequence: models.Sequence) -> Objections:
    crowds.set_field(
        sequence.workspace,
        _ids(group),
        key=action.field,
        value=action.value,
        by=_actor(sequence),
    )
    return None


def _enroll(action: actions.Enroll, group: Group, sequence: models.Sequence) -> Objections:
    into = _find(models.Sequence, sequence, action.sequence)
    if into.state not in OPEN:
        raise Gone(f"The sequence “{into}” takes nobody in.")
    going = [task.run for task in group if task.run.hops < MAX_HOPS]
    start(Ask(into.pk, run.subscriber_id, hops=run.hops + 1) for run in going)
    return {task.run.id: TOO_MANY_HOPS.format(MAX_HOPS) for task in group if task.run not in going}


def _remove(action: actions.Remove, group: Group, sequence: models.Sequence) -> Objections:
    """By way of the log: this batch holds locks of its own, and must not wait for those there."""
    target = _find(models.Sequence, sequence, action.sequence)
    now = clock.now()
    events.record_many(
        of_run(
            task.run._replace(sequence_id=target.pk, version_id=0),
            kinds.ENROLLMENT_REMOVAL,
            at=now,
            reason=sequence.name,
        )
        for task in group
    )
    return None


def _call_webhook(
    action: actions.CallWebhook, group: Group, sequence: models.Sequence
) -> Objections:
    endpoint = _find(WebhookEndpoint, sequence, action.endpoint)
    found = Subscriber.objects.in_bulk(_ids(group))
    entries = dict(
        Enrollment.objects.filter(pk__in=[task.run.id for task in group]).values_list("pk", "entry")
    )
    webhooks.call_many(
        endpoint,
        kind="sequence.webhook",
        calls=[
            (
                task.run.subscriber_id,
                {
                    "sequence": {"id": sequence.public_id, "name": sequence.name},
                    "step": task.step_key,
                    "run": task.run.run,
                    "entry": entries.get(task.run.id),
                    "subscriber": _person(found[task.run.subscriber_id]),
                },
            )
            for task in group
        ],
    )
    return None


def _notify(action: actions.Notify, group: Group, sequence: models.Sequence) -> Objections:
    """One mail for all who come to the action together, however many they are."""
    found = Subscriber.objects.filter(pk__in=_ids(group)).order_by("pk")
    named = [*found.values_list("email", flat=True)[:MOST_NAMED]]
    rest = len(group) - len(named)
    who = ", ".join(named) + (f" and {rest:,} more" if rest else "")
    send_notice(
        sequence.workspace,
        to=action.to,
        subject=f"{sequence.name}: {named[0] if len(group) == 1 else f'{len(group):,} people'}",
        paragraphs=[action.text, who, f"Sent by the sequence “{sequence.name}”."],
        sender=sequence.sender,
        by=_actor(sequence),
    )
    return None


HANDLERS: Mapping[type[Action], Handler] = {
    actions.AddTag: _add_tag,
    actions.RemoveTag: _remove_tag,
    actions.AddList: _add_list,
    actions.RemoveList: _remove_list,
    actions.SetField: _set_field,
    actions.Enroll: _enroll,
    actions.Remove: _remove,
    actions.CallWebhook: _call_webhook,
    actions.Notify: _notify,
}


def _find(model: Any, sequence: models.Sequence, ref: str) -> Any:
    """What an action names, in the workspace of its sequence. Raises Gone."""
    uid = ids.decode(model.prefix, ref)
    row = model.objects.of(sequence.workspace).filter(uid=uid).first() if uid else None
    if row is None:
        raise Gone(f"There is no such {model._meta.verbose_name} any more.")
    return row


def _ids(group: Group) -> list[int]:
    return sorted({task.run.subscriber_id for task in group})


def _actor(sequence: models.Sequence) -> Actor:
    return Actor("sequence", sequence.pk, sequence.name)


def _person(subscriber: Subscriber) -> dict[str, Any]:
    return {
        "id": subscriber.public_id,
        "email": subscriber.email,
        "first_name": subscriber.first_name,
        "last_name": subscriber.last_name,
        "fields": subscriber.fields,
    }
