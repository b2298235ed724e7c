"""A sequence that does harm stops by itself, and says why."""

from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from analytics import services as analytics
from analytics.models import Total
from analytics.tests.factories import make_key
from delivery import services as delivery
from emailseq.lib import clock
from sequences import tasks
from sequences.services import lifecycle
from sequences.tests.factories import EMAIL, make_live
from subscribers.models import Event

pytestmark = pytest.mark.django_db


def test_a_sequence_that_is_called_spam_is_paused_and_only_that_one():
    annoying, liked = make_live(EMAIL, slug="a"), make_live(EMAIL, slug="b")
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    source = ("sequence", annoying.pk)
    analytics.add(
        {
            make_key(annoying.workspace, kind, hour=hour, source=source): Total(count)
            for kind, count in (("message.sent", 1000), ("message.complained", 5))
        }
    )

    assert tasks.brake() == 1
    assert tasks.brake() == 0

    annoying.refresh_from_db()
    liked.refresh_from_db()
    assert (annoying.state, liked.state) == ("paused", "live")
    why = "0.5 % of 1,000 messages annoyed: more than 0.3 %."
    assert delivery.held_reason(**annoying.source) == why
    assert Event.objects.get(kind="sequence.paused").properties["reason"] == why
    lifecycle.resume_sequence(annoying, by=SYSTEM)
    assert delivery.held_reason(**annoying.source) == ""
    assert tasks.brake() == 0
