"""The variants of an email on trial: counted, judged and, by the numbers or by hand, decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction

from accounts import audit
from accounts.audit import SYSTEM, Actor
from analytics.results import Results, results
from delivery.states import SourceKind
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from emailseq.lib.stats import Count
from sequences import kinds, trials, variants
from sequences.models import Sequence, Trial
from sequences.program import GOAL, EmailStep
from sequences.runs import program_of
from subscribers import events
from subscribers.events import NewEvent

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Standing:
    """How the variants of an email in the live version do now; `trial` is None before the first
    look at them."""

    step: EmailStep
    trial: Trial | None
    results: Mapping[str, Results]

    @property
    def counts(self) -> dict[str, Count]:
        """How many messages of each variant did what the metric says; a click, without one."""
        return {
            key: Count(min(found.goal if self.step.metric == GOAL else found.clicked, sent), sent)
            for key, found in self.results.items()
            for sent in [found.sent]
        }

    @property
    def weights(self) -> dict[str, float]:
        """The share of each variant, of whoever comes now."""
        shares = variants.weights_of(self.step, self.trial)
        return {key: weight / sum(shares.values()) for key, weight in shares.items()}


def standings(sequence: Sequence) -> list[Standing]:
    """Of every email of the live version that has variants, in order."""
    steps = _varied(sequence)
    found = {
        trial.step_key: trial
        for trial in (sequence.trials.all() if steps else ())
        if trial.step_key in steps and trial.contents == steps[trial.step_key].contents
    }
    return [
        _standing(sequence, step, trial)
        for key, step in steps.items()
        for trial in [found.get(key)]
    ]


def judge_all() -> int:
    """Look at all trials of live sequences; how many were decided."""
    live = Sequence.objects.live().exclude(live_version=None)
    return sum(map(_judge_of, live.order_by("pk")))


def _judge_of(sequence: Sequence) -> int:
    try:
        on_trial = [step for step in _varied(sequence).values() if step.metric]
        return sum(_judge(sequence, step) for step in on_trial)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # a rotten program hurts only its owner
        log.exception("trial_failed", sequence=sequence.pk)
        return 0


@transaction.atomic
def choose(sequence: Sequence, *, step: str, variant: str, by: Actor) -> Trial:
    """Send this variant of an email from now on to all who have not had another. Raises Invalid."""
    email = _find(sequence, step)
    if variant not in email.contents:
        known = ", ".join(email.contents)
        raise Invalid.field("variant", "invalid_choice", f"This must be one of {known}.")
    trial = _lock(sequence, email)
    if trial.winner != variant:
        _promote(sequence, trial, variant, by=by)
    return trial


@transaction.atomic
def restart(sequence: Sequence, *, step: str, by: Actor) -> Trial:
    """Let a trial begin anew: without a winner, by what happens from the next hour on."""
    trial = _lock(sequence, _find(sequence, step))
    _reset(trial, since=clock.db_now())
    trial.save()
    audit.record(
        sequence.workspace_id, "trial.restarted", by=by, on=sequence, changes={"step": step}
    )
    return trial


@transaction.atomic
def _judge(sequence: Sequence, step: EmailStep) -> bool:
    """Count and judge one trial; whether it was decided by that. Of two at once, one does it."""
    trial = _lock(sequence, step)
    if trial.winner:
        return False
    counts = _standing(sequence, step, trial).counts
    judgement = trials.judge(step, counts)
    trial.counts, trial.weights = counts, judgement.weights
    trial.counted_at = clock.db_now()
    if judgement.winner:
        _promote(sequence, trial, judgement.winner, by=SYSTEM)
    else:
        trial.save(update_fields=["counts", "weights", "counted_at"])
    return bool(judgement.winner)


def _promote(sequence: Sequence, trial: Trial, variant: str, *, by: Actor) -> None:
    trial.winner, trial.decided_at, trial.decided_by = variant, clock.db_now(), by.label[:254]
    trial.save()
    told = {"step": trial.step_key, "variant": variant, "counts": trial.counts}
    event = NewEvent(
        sequence.workspace_id,
        None,
        kinds.SEQUENCE_VARIANT_PROMOTED,
        trial.decided_at,
        SourceKind.SEQUENCE,
        sequence.pk,
        trial.step_key,
        variant,
        properties={"by": by.kind, "counts": trial.counts},
    )
    events.record_many([event])
    verb = kinds.SEQUENCE_VARIANT_PROMOTED
    audit.record(sequence.workspace_id, verb, by=by, on=sequence, changes=told)


def _lock(sequence: Sequence, step: EmailStep) -> Trial:
    """The trial of a step, locked; one of what its variants said before is begun anew."""
    begun = {"contents": step.contents}
    Trial.objects.get_or_create(sequence=sequence, step_key=step.key, defaults=begun)
    trial = Trial.objects.select_for_update(no_key=True).get(sequence=sequence, step_key=step.key)
    if trial.contents != step.contents:
        trial.contents = step.contents
        _reset(trial, since=None)
        trial.save()
    return trial


def _reset(trial: Trial, *, since: datetime | None) -> None:
    trial.since, trial.counts, trial.weights = since, {}, {}
    trial.winner, trial.decided_at, trial.decided_by = "", None, ""


def _standing(sequence: Sequence, step: EmailStep, trial: Trial | None) -> Standing:
    since = trial.since if trial else None
    found = results(sequence.pk, version_ids=[*_alike(sequence, step)], since=since)
    own = {key: found.get((step.key, key), Results()) for key in step.contents}
    return Standing(step, trial, own)


def _alike(sequence: Sequence, step: EmailStep) -> Iterator[int]:
    """The versions in which the variants of a step say the same."""
    for pk in sequence.versions.values_list("pk", flat=True):
        theirs = {email.key: email for email in program_of(pk).varied}.get(step.key)
        if theirs and theirs.contents == step.contents:
            yield pk


def _varied(sequence: Sequence) -> dict[str, EmailStep]:
    if sequence.live_version_id is None:
        return {}
    return {step.key: step for step in program_of(sequence.live_version_id).varied}


def _find(sequence: Sequence, step_key: str) -> EmailStep:
    found = _varied(sequence).get(step_key)
    if found is None:
        said = f"The live version has no email “{step_key:.50}” with variants."
        raise Invalid.field("step", "not_found", said)
    return found
