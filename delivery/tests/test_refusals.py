"""Bounces that are about us pause the lane that the messages left by, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from delivery.brakes import Brakes
from delivery.models import Lane, SendLedger, Source
from delivery.services import transports
from delivery.services.feedback import NewFeedback, record_feedback
from delivery.tests.returned import NOW, sent
from emailseq.lib import clock
from subscribers.models import Suppression

pytestmark = pytest.mark.django_db
WORDS = "550 5.7.1 You are listed."


def lane_of(transport, group):
    made = Lane.new(transport, now=NOW)
    made.message_class, made.domain_group, made.brakes = "marketing", group, Brakes.new(NOW)
    made.save()
    return made


@pytest.fixture
def lanes():
    transport = transports.shared_transport()
    return [lane_of(transport, group) for group in ("google", "other")]


def left(count, lane):
    """Messages that left by a lane an hour after NOW."""
    rows = sent(count, finished_at=NOW + timedelta(hours=1))
    place = {"transport": lane.transport, "domain_group": lane.domain_group}
    SendLedger.objects.filter(pk__in=[row.pk for row in rows]).update(**place)
    return rows


def come_back(rows, kind="sender_fault"):
    record_feedback(NewFeedback(row.pk, kind, NOW, status="5.7.1", reason=WORDS) for row in rows)


def states(lanes):
    return [Lane.objects.get(pk=lane.pk).state for lane in lanes]


@pytest.mark.parametrize(
    ("every", "kind", "state"),
    [
        (5, "sender_fault", "paused"),
        (6, "sender_fault", "open"),
        (5, "hard", "open"),
        (5, "content_fault", "open"),
    ],
)
def test_ten_of_fifty_in_a_row_pause_the_lane(lanes, every, kind, state):
    rows = left(10 * every, lanes[0])

    come_back(rows[: 8 * every : every], kind)
    assert states(lanes) == ["open", "open"]
    come_back(rows[8 * every :: every], kind)

    assert states(lanes) == [state, "open"]
    paused = Lane.objects.get(pk=lanes[0].pk)
    if state == "paused":
        assert paused.reason == f"Told later: 5.7.1 {WORDS}"
        assert not Suppression.objects.exists()
    assert paused.day_fault_count == (10 if kind == "sender_fault" else 0)
    assert not Source.objects.filter(held=True).exists()


def test_what_was_told_of_another_lane_is_not_counted(lanes):
    for lane in lanes:
        come_back(left(5, lane))

    assert states(lanes) == ["open", "open"]


def test_what_left_before_the_lane_was_released_is_forgiven(lanes):
    rows = left(20, lanes[0])
    come_back(rows[:10])
    assert states(lanes) == ["paused", "open"]

    with clock.frozen(NOW + timedelta(hours=2)):
        assert transports.release_lane(Lane.objects.get(pk=lanes[0].pk), by=SYSTEM)
        come_back(rows[10:])
        assert states(lanes) == ["open", "open"]

    later = left(10, lanes[0])
    SendLedger.objects.filter(pk__in=[row.pk for row in later]).update(
        finished_at=NOW + timedelta(hours=3)
    )
    come_back(later)
    assert states(lanes) == ["paused", "open"]
