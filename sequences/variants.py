"""Who gets which variant of an email: what they have had already, or else by how its trial is."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from delivery.models import SendLedger
from delivery.states import Outcome, SourceKind
from sequences import trials
from sequences.models import Trial
from sequences.program import EmailStep, Program
from sequences.runs import Run, program_of

Weights = dict[str, dict[str, float]]  # by step key and variant


def weights(runs: Collection[Run]) -> dict[int, Weights]:
    """The weights of the variants for each run, by its id, where they are not the program's."""
    if not runs:
        return {}
    known = of_sequences({run.sequence_id for run in runs})
    had = _had([run for run in runs if run.run > 1])
    return {
        run.id: {
            **of_program(program_of(run.version_id), known.get(run.sequence_id, ())),
            **had.get(run.id, {}),
        }
        for run in runs
    }


def of_sequences(sequence_ids: Collection[int]) -> dict[int, list[Trial]]:
    """The trials that say more than the program, by sequence."""
    found: dict[int, list[Trial]] = {}
    for trial in Trial.objects.filter(sequence__in=sequence_ids):
        found.setdefault(trial.sequence_id, []).append(trial)
    return found


def of_program(program: Program, known: Iterable[Trial]) -> Weights:
    """The weights of trials, for the emails that say what is on trial."""
    by_step = {trial.step_key: trial for trial in known}
    return {
        step.key: weights_of(step, trial)
        for step in program.varied
        if (trial := by_step.get(step.key)) and is_of(trial, step)
    }


def weights_of(step: EmailStep, trial: Trial | None) -> dict[str, float]:
    """Of whoever comes to a step now."""
    if trial is None or not is_of(trial, step):
        return {each.key: float(each.weight) for each in step.variants}
    return trials.spread(step, trial.weights, only=trial.winner)


def is_of(trial: Trial, step: EmailStep) -> bool:
    """Whether a trial says something about what the variants of a step say."""
    return trial.contents == step.contents and bool(trial.winner or trial.weights)


def _had(runs: Collection[Run]) -> dict[int, Weights]:
    """All weight for the variant that somebody got in an earlier run, if it is still there."""
    if not runs:
        return {}
    sent = SendLedger.objects.filter(
        subscriber__in={run.subscriber_id for run in runs},
        kind=SourceKind.SEQUENCE,
        source_id__in={run.sequence_id for run in runs},
        outcome=Outcome.SENT,
    ).exclude(variant="")
    rows = sent.order_by("id").values_list("source_id", "subscriber_id", "step_key", "variant")
    last = {(source, person, key): variant for source, person, key, variant in rows}
    return {
        run.id: {
            step.key: trials.spread(step, {}, only=variant)
            for step in program_of(run.version_id).varied
            if (variant := last.get((run.sequence_id, run.subscriber_id, step.key)))
            and variant in step.contents
        }
        for run in runs
    }
