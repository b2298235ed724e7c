"""A segment that sequences need stays: those that it starts, and those whose rules name it."""

from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from emailseq.lib.errors import InUse
from sequences.models import Ending, Trigger
from sequences.services import lifecycle
from sequences.states import EndingKind, TriggerKind
from sequences.tests.factories import EMAIL, make_live
from subscribers import services
from subscribers.tests.factories import SegmentFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("by", ["trigger", "ending"])
def test_a_segment_is_kept_until_the_sequence_is_archived(by):
    sequence = make_live(EMAIL, name="Win back")
    segment = SegmentFactory(workspace=sequence.workspace)
    if by == "trigger":
        Trigger.objects.create(sequence=sequence, kind=TriggerKind.SEGMENT_ENTERED, segment=segment)
    else:
        when = {"rule": {"segment": segment.public_id}}
        Ending.objects.create(sequence=sequence, kind=EndingKind.GOAL, name="In", when=when)

    with pytest.raises(InUse, match="“Win back”"):
        services.archive_segment(segment, by=SYSTEM)
    lifecycle.archive_sequence(sequence, by=SYSTEM)

    assert services.archive_segment(segment, by=SYSTEM) is True
