"""What may strike at any moment: a goal at the wire, a kill between any two statements."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection

from delivery.models import Outbox, SendLedger
from sequences import engine
from sequences.models import Enrollment
from sequences.tests.factories import consume, make_runs
from sequences.tests.living import A_DAY, BYE, HELLO, TIPS, act, make_playing, only_run, tell
from subscribers.models import Event, TagAssignment

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_a_goal_reached_between_outbox_and_wire_stops_the_message(wire, before_mark):
    goals = [{"name": "Bought", "when": {"event": "order_placed"}}]
    live = make_playing(HELLO, A_DAY, BYE, goals=goals)
    bought, other = make_runs(live, 2)
    engine.advance()
    assert Outbox.objects.count() == 2

    def buy():
        tell(bought.subscriber, "order_placed")
        consume()

    before_mark(buy)  # the pump has claimed and rendered both
    wire.send()

    assert wire.recipients == [other.subscriber.email]
    bought.refresh_from_db()
    assert (bought.state, bought.reason) == ("exited", "Bought")
    sent = SendLedger.objects.filter(outcome="sent")
    assert [*sent.values_list("subscriber", flat=True)] == [other.subscriber_id]


class _Killed:
    """The connection is lost before the statement of that number."""

    def __init__(self, number):
        self.left = number

    def __call__(self, execute, *arguments):
        if self.left == 0:
            raise OperationalError("the connection was lost")
        self.left -= 1
        return execute(*arguments)


def test_a_kill_before_any_statement_leaves_nothing_half_done():
    vip = {"key": "vip", "when": {"rule": {"tag": "vip", "op": "has"}}, "steps": [TIPS]}
    live = make_playing(
        act("tag", kind="add_tag", tag="vip"),
        {"kind": "branch", "key": "which", "arms": [vip, {"key": "else", "steps": []}]},
        A_DAY,
        BYE,
    )
    make_runs(live)
    before = _everything()

    kills = 0
    while True:
        killed = _Killed(kills)
        try:
            with connection.execute_wrapper(killed):
                engine.advance_batch(10)
        except OperationalError:
            assert _everything() == before, kills
            kills += 1
        else:
            break

    assert kills > 15
    assert only_run(live).position == "a-day"
    assert [*Outbox.objects.values_list("step_key", flat=True)] == ["tips"]
    assert TagAssignment.objects.count() == 1
    steps = Event.objects.filter(kind="enrollment.step").order_by("id")
    assert [*steps.values_list("step_key", flat=True)] == ["tag", "which", "tips", "a-day"]


def _everything():
    """All that an advance may write."""
    models = (Enrollment, Event, Outbox, TagAssignment)
    return [[*model.objects.order_by("pk").values()] for model in models]


def test_a_kill_before_any_statement_of_the_consumer_is_made_good():
    goals = [{"name": "Bought", "when": {"event": "order_placed"}}]
    live = make_playing(
        HELLO, A_DAY, BYE, goals=goals, triggers=[{"kind": "event", "event": "visit"}]
    )
    inside, comes = make_runs(live), make_runs(make_playing(HELLO, workspace=live.workspace))
    engine.advance()
    consume()
    tell(inside[0].subscriber, "order_placed")
    tell(comes[0].subscriber, "visit")

    for number in range(40):
        try:
            with connection.execute_wrapper(_Killed(number)):
                consume()
        except OperationalError:
            state = Enrollment.objects.get(pk=inside[0].pk).state
            begun = live.enrollments.count() == 2
            assert (state == "exited") == begun, number  # they commit together
        else:
            break

    consume()
    assert Enrollment.objects.get(pk=inside[0].pk).reason == "Bought"
    assert live.enrollments.filter(subscriber=comes[0].subscriber).count() == 1
    assert Event.objects.filter(kind="enrollment.goal").count() == 1
