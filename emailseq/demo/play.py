"""Play the demo's sequence to its end, watch it, and say whether the numbers add up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from analytics import recount
from analytics.numbers import Numbers, numbers
from delivery import reconcile
from delivery.models import Outbox, SendLedger
from delivery.states import Outcome, SourceKind
from emailseq.demo.content import MAILS
from emailseq.demo.readers import Readers
from sequences.models import Enrollment, Sequence
from sequences.states import EnrollmentState

LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 240


class Scene(NamedTuple):
    """The sequence at one moment."""

    enrolled: int
    inside: int
    numbers: Numbers


def look(sequence: Sequence) -> Scene:
    runs = Enrollment.objects.filter(sequence=sequence)
    return Scene(
        enrolled=runs.count(),
        inside=runs.live().count(),
        numbers=numbers(SourceKind.SEQUENCE, sequence.pk),
    )


def watch(
    sequence: Sequence, readers: Readers, *, expected: int, show: Callable[[Scene], None]
) -> Scene:
    """Show the sequence until all `expected` people are through it, and the numbers are in."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    scene = look(sequence)
    while time.monotonic() < deadline and not _over(scene, readers, expected):
        time.sleep(LOOK_SECONDS)  # noqa: TID251 - a person is watching
        scene = look(sequence)
        show(scene)
    return scene


def faults(sequence: Sequence, scene: Scene, *, expected: int, journal: Path) -> Iterator[str]:
    """What does not add up, a sentence each; nothing when all is well."""
    if scene.enrolled != expected or scene.inside:
        yield f"{scene.enrolled} of {expected} enrolled, {scene.inside} are still inside."
    sent = SendLedger.objects.filter(outcome=Outcome.SENT, **sequence.source)
    completed = sequence.enrollments.filter(state=EnrollmentState.COMPLETED)
    to_completed = sent.filter(subscriber__in=completed.values("subscriber")).count()
    if to_completed != len(MAILS) * completed.count():
        yield f"{completed.count()} people are through, and {to_completed} messages went to them."
    if scene.numbers.sent != sent.count():
        yield f"The report says {scene.numbers.sent} sent, the ledger {sent.count()}."
    if Outbox.objects.exists():
        yield "The outbox is not empty."
    for finding in (*reconcile.check_rows(), *reconcile.check_journal(journal)):
        yield finding.sentence
    yield from map(str, recount.drift())


def _over(scene: Scene, readers: Readers, expected: int) -> bool:
    return (
        scene.enrolled >= expected
        and not scene.inside
        and readers.resting
        and scene.numbers.opened >= readers.opened_count
        and scene.numbers.clicked >= readers.clicked_count
    )
