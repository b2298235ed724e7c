"""Why did, or didn't, somebody get something of a sequence? What happened, and every gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from delivery import explain
from delivery.explain import Gate
from delivery.models import SendLedger
from delivery.states import SourceKind
from emailseq.lib import clock
from sequences import draft, kinds
from sequences.models import Enrollment, EnrollmentQuerySet, Sequence, Trigger
from sequences.services.enroll import is_held_out
from sequences.states import LIVE_RUN, OPEN, ReEntry, TriggerKind
from subscribers.models import Event, SegmentMember, Subscriber, Subscription, TagAssignment
from subscribers.segments import compile as compiled
from subscribers.segments import rules
from subscribers.segments.explain import explain as sentence
from subscribers.states import SubscriptionState


def gates(subscriber: Subscriber, sequence: Sequence, *, step_key: str = "") -> list[Gate]:
    """Every gate on the way to a message of a sequence, or to a step, with its answer as of now."""
    runs = Enrollment.objects.filter(subscriber=subscriber, sequence=sequence)
    own = SourceKind.SEQUENCE.value, sequence.pk
    return [
        Gate("sequence", sequence.state in OPEN, f"the sequence is {sequence.state}"),
        *_trigger(subscriber, sequence),
        *_entry_rule(subscriber, sequence),
        *_again(runs, sequence),
        *_holdout(subscriber, sequence),
        *_enrolled(runs),
        *(_step(runs, sequence, step_key) if step_key else ()),
        *explain.gates(subscriber, *own, consent_list=sequence.list),
    ]


def log(run: Enrollment) -> list[dict[str, Any]]:
    """What happened in a run, oldest first: steps and arms, messages and what became of them.

    `why` says what was odd, or the reason; `arm` which way a block was left.
    """
    own = Event.objects.filter(
        subscriber_id=run.subscriber_id,
        source_kind=SourceKind.SEQUENCE,
        source_id=run.sequence_id,
        recorded_at__gte=run.started_at,
    )
    sent = SendLedger.objects.filter(
        kind=SourceKind.SEQUENCE, source_id=run.sequence_id, subscriber_id=run.subscriber_id
    )
    messages = set(sent.filter(run=run.run).values_list("pk", flat=True))
    return [
        {
            "kind": event.kind,
            "at": event.occurred_at,
            "step": event.step_key,
            "arm": event.properties.get("arm", ""),
            "variant": event.variant,
            "verdict": event.verdict,
            "why": event.properties.get("reason", ""),
        }
        for event in own.exclude(kind=kinds.GOAL_CREDITED).order_by("id")
        if event.properties.get("run", run.run if event.message_id in messages else 0) == run.run
    ]


def _trigger(subscriber: Subscriber, sequence: Sequence) -> Iterator[Gate]:
    triggers = sequence.triggers.select_related("list", "tag", "segment")
    found = [(trigger, *_met(subscriber, trigger)) for trigger in triggers]
    if not found:
        yield Gate("trigger", True, "nothing starts it by itself: by hand or API")
    for trigger, met, because in found:
        yield Gate("trigger", met, f"{trigger.get_kind_display()}: {because}")


def _met(subscriber: Subscriber, trigger: Trigger) -> tuple[bool, str]:
    """Whether what a trigger waits for is so, and since when."""
    match trigger.kind:
        case TriggerKind.LIST_JOINED:
            place = Subscription.objects.filter(subscriber=subscriber, list=trigger.list).first()
            is_on = bool(place and place.state == SubscriptionState.CONFIRMED)
            return is_on, f"{place.state if place else 'never'} on “{trigger.list}”"
        case TriggerKind.TAG_ADDED:
            tags = TagAssignment.objects.filter(subscriber=subscriber, tag=trigger.tag)
            carries = tags.exists()
            return carries, f"{'carries' if carries else 'does not carry'} “{trigger.tag}”"
        case TriggerKind.SEGMENT_ENTERED:
            inside = SegmentMember.objects.filter(subscriber=subscriber, segment=trigger.segment)
            since = inside.values_list("entered_at", flat=True).first()
            where = f"in “{trigger.segment}”"
            return since is not None, f"{where} since {since:%F %T}" if since else f"not {where}"
        case TriggerKind.EVENT:
            return _event(subscriber, trigger)
    field = trigger.settings["field"]
    value = subscriber.fields.get(field)
    return value not in (None, ""), f"“{field}” is {value if value not in (None, '') else 'empty'}"


def _event(subscriber: Subscriber, trigger: Trigger) -> tuple[bool, str]:
    name, where = trigger.settings["event"], trigger.settings.get("where", ())
    told = Event.objects.filter(subscriber=subscriber, kind="custom", name=name).order_by("-id")
    last = told.first()
    if last is None:
        return False, f"“{name}” has never come"
    rule = rules.parse({"event": name, **({"where": where} if where else {})})
    now = clock.db_now()
    if not compiled.matching(rule, subscriber.workspace, {subscriber.pk}, now=now):
        return False, f"“{name}” came, but never with properties that compare as it wants"
    late = ", too late to start anything" if last.late else ""
    return not last.late, f"“{name}” came last on {last.occurred_at:%F %T}{late}"


def _entry_rule(subscriber: Subscriber, sequence: Sequence) -> Iterator[Gate]:
    if not sequence.entry_rule:
        return
    rule, workspace = rules.parse(sequence.entry_rule), sequence.workspace
    holds = compiled.matching(rule, workspace, {subscriber.pk}, now=clock.db_now())
    does = "holds now" if holds else "does not hold now"
    yield Gate("entry rule", bool(holds), f"{does}: {sentence(rule, workspace)}")


def _again(runs: EnrollmentQuerySet, sequence: Sequence) -> Iterator[Gate]:
    """Whether they could come again, if they have been and are not inside."""
    last = runs.order_by("-run").first()
    if last is None or last.state in LIVE_RUN or last.ended_at is None:
        return
    been = f"run {last.run} ended {last.ended_at:%F %T}"
    match sequence.re_entry:
        case ReEntry.NEVER:
            yield Gate("re-entry", False, f"{been}, and nobody comes twice")
        case ReEntry.COOLDOWN if sequence.cooldown:
            opens_at = last.ended_at + sequence.cooldown
            yield Gate("re-entry", opens_at <= clock.now(), f"{been}: again from {opens_at:%F %T}")
        case _:
            yield Gate("re-entry", True, f"{been}: they may come again")


def _holdout(subscriber: Subscriber, sequence: Sequence) -> Iterator[Gate]:
    if percent := sequence.holdout_percent:
        held_out = is_held_out(sequence.pk, subscriber.pk, percent=percent)
        which = "they are one of those" if held_out else "they are none of those"
        yield Gate("holdout", not held_out, f"{percent} % are held out, to compare with: {which}")


def _enrolled(runs: EnrollmentQuerySet) -> Iterator[Gate]:
    found = [*runs.order_by("run")]
    told = "; ".join(_run(run) for run in found)
    yield Gate("enrolled", bool(found), told or "never entered")


def _run(run: Enrollment) -> str:
    where = f" at {run.position or 'the start'}, due {run.due_at:%F %T}"
    reason = f" ({run.reason})" if run.reason else ""
    return f"run {run.run} {run.state}{where if run.state in LIVE_RUN else ''}{reason}"


def _step(runs: EnrollmentQuerySet, sequence: Sequence, key: str) -> Iterator[Gate]:
    """Whether the last run came to a step, and if not, how far it came."""
    run = runs.order_by("-run").first()
    if run is None:
        yield Gate("step", False, "never entered")
        return
    told = log(run)
    numbers = {node.step.key: node.label for node in draft.walk(draft.read(sequence))}
    name = numbers.get(key, key)
    if came := [
        each for each in told if each["kind"] == kinds.ENROLLMENT_STEP and each["step"] == key
    ]:
        odd = f": {came[-1]['why']}" if came[-1]["why"] else ""
        yield Gate("step", not odd, f"came to step {name} on {came[0]['at']:%F %T}{odd}")
        return
    arms = [f"{numbers.get(e['step'], e['step'])} → {e['arm']}" for e in told if e["arm"]]
    way = f", by {', '.join(arms)}" if arms else ""
    yield Gate("step", False, f"did not come to step {name}: {_run(run)}{way}")
