"""What sequences have of one person, for `subscribers.dossier`."""

from __future__ import annotations

from collections.abc import Iterator

from sequences.models import Enrollment
from subscribers.dossier import Part
from subscribers.models import Subscriber


def own_parts(person: Subscriber) -> Iterator[Part]:
    """Their runs, and what came with them."""
    runs = Enrollment.objects.filter(subscriber=person).order_by("id")
    yield (
        "enrollments",
        runs.values(
            *("sequence__name", "run", "state", "position", "started_at", "ended_at"),
            *("reason", "entry"),
        ),
    )
