"""Two who are the same person become one, with their runs."""

from __future__ import annotations

from django.db import transaction

from accounts.audit import Actor
from delivery import services as delivery
from sequences.models import Enrollment
from sequences.services import lifecycle
from subscribers import services as people
from subscribers.models import Subscriber


@transaction.atomic
def merge(kept: Subscriber, *, gone: Subscriber, by: Actor) -> None:
    """`subscribers.services.merge`, and the runs: those of sequences that `kept` was never in go
    on as theirs, messages and all; the others end, lest anything is sent twice.
    """
    people.merge(kept, gone=gone, by=by)
    runs = Enrollment.objects.filter(subscriber=gone).order_by("pk")
    been = Enrollment.objects.filter(subscriber=kept).values("sequence")
    lifecycle.exit(runs.live().filter(sequence__in=been), by=by, reason="merged")
    moving = list(runs.exclude(sequence__in=been).select_for_update())
    Enrollment.objects.filter(pk__in=[run.pk for run in moving]).update(subscriber=kept)
    for sequence_id in sorted({run.sequence_id for run in moving}):
        delivery.hand_over(kind="sequence", source_id=sequence_id, kept=kept, gone=gone)
