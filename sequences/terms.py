"""What a run depends on besides its program, as the pure modules have it."""

from __future__ import annotations

from sequences import conditions, facts, variants
from sequences.models import Sequence
from sequences.program import Program
from sequences.simulator import Ending, Terms


def terms_of(sequence: Sequence, program: Program | None = None) -> Terms:
    """The terms of a sequence as it is set up now; for a program, with the weights of its trials.

    Raises NeverOpen for a window without days.
    """
    workspace = sequence.workspace
    return Terms(
        source=sequence.public_id,
        list=sequence.list.public_id if sequence.list else "",
        windows=facts.windows_of(sequence),
        endings=tuple(
            Ending(each.kind, each.name, conditions.parse(each.when))
            for each in sequence.endings.all()
        ),
        zone=facts.zone_of(workspace),
        workspace_id=workspace.pk,
        weights=_weights(sequence, program) if program and program.varied else {},
    )


def _weights(sequence: Sequence, program: Program) -> variants.Weights:
    known = variants.of_sequences({sequence.pk})
    return variants.of_program(program, known.get(sequence.pk, ()))
