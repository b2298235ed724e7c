"""What no experiment may end with, whatever was broken."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.faults.books import Books
from tests.faults.rig import Rig

LARGEST = 200  # MB that a process may take (invariant I7)


def verify(
    lab: Any, rig: Rig, counts: Books, *, expected: Collection[str] = (), extra: int = 0
) -> None:
    """Write the experiment's line, then hold the invariants against it."""
    found, peaks = rig.disagreements(), rig.peaks()
    tracebacks = rig.tracebacks(expected=expected)
    lab.note(**counts.as_dict(), findings=found, tracebacks=tracebacks, peak_mb=peaks)
    assert (counts.missing, counts.unsent) == (0, 0), "I1: a message was lost"
    assert (counts.extra, counts.differ) == (extra, 0), "I2: a message was doubled"
    assert counts.unknown == 0, "I3: a message arrived that nobody knows of"
    assert counts.late == 0, "I4: a message left after a no"
    assert found == [], "reconcile has findings"
    assert tracebacks == {}, "I8: something was raised that this fault does not explain"
    assert max(peaks.values()) <= LARGEST, "I7: a process has grown"
