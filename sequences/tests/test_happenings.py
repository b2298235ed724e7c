"""What happens to people starts, wakes and ends their runs; all of it is told by the front door."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox, SendLedger
from delivery.states import SourceKind
from emailseq.lib import clock
from sequences import engine
from sequences.models import Enrollment
from sequences.services import lifecycle
from sequences.services.enroll import enroll
from sequences.tests.factories import DAY, consume, joining, let_leave
from sequences.tests.living import (
    A_DAY,
    BYE,
    HELLO,
    TIPS,
    act,
    make_playing,
    only_run,
    queued,
    tell,
    told,
    wait_until,
)
from subscribers import events
from subscribers import services as people
from subscribers.events import NewEvent
from subscribers.models import Segment, SegmentMember, Tag
from subscribers.segments import refresh
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]

HOUR = timedelta(hours=1)
ORDERED = {"event": "order_placed"}
SAME_CART = {"event": "order_placed", "where": [{"property": "cart", "op": "is", "entry": "cart"}]}
CART = {"kind": "event", "event": "cart_updated"}


def go():
    """The consumer and the engine, until nothing is due."""
    consume()
    engine.advance()


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def news(workspace):
    return ListFactory(workspace=workspace, slug="news")


@pytest.fixture
def ada(news):
    return make_audience(1, on=news)[0]


def starts(workspace, news, trigger, *steps, **settings):
    steps = steps or (HELLO,)
    return make_playing(*steps, triggers=[trigger], workspace=workspace, list=news, **settings)


def test_a_custom_event_that_passes_the_filter_starts_a_run_and_is_remembered(workspace, news, ada):
    where = [{"property": "total", "op": "gte", "value": 100}]
    live = starts(workspace, news, {**CART, "where": where})
    other = starts(workspace, news, {"kind": "event", "event": "something_else"})
    (bob,) = make_audience(1, on=news)

    tell(bob, "cart_updated", properties={"total": 99})
    tell(ada, "cart_updated", properties={"total": 100, "cart": "c1"})
    go()

    run = only_run(live)
    assert (run.subscriber, run.entry) == (ada, {"total": 100, "cart": "c1"})
    assert run.started_at < clock.db_now()
    assert not other.enrollments.exists()
    assert queued() == ["hello"]


def test_what_is_told_too_late_or_elsewhere_starts_nothing(workspace, news, ada):
    live = starts(workspace, news, CART)
    stranger = make_audience(1, on=ListFactory())[0]

    tell(ada, "cart_updated", occurred_at=clock.now() - 30 * DAY)
    tell(stranger, "cart_updated")
    go()

    assert not live.enrollments.exists()


def test_only_as_much_of_an_event_is_remembered_as_fits(workspace, news, ada):
    live = starts(workspace, news, CART)

    tell(ada, "cart_updated", properties={"cart": "c1", "items": "x" * 9000})
    go()

    assert only_run(live).entry == {"cart": "c1"}


def test_a_tag_starts_a_run_unless_it_is_gone_again(workspace, news, ada):
    live = starts(workspace, news, {"kind": "tag_added", "tag": "vip"})
    vip = Tag.objects.get(slug="vip")
    bob, eve = make_audience(2, on=news)
    people.tag(ada, name="VIP", by=SYSTEM)
    people.tag(bob, name="other", by=SYSTEM)
    people.tag(eve, name="VIP", by=SYSTEM)
    people.untag(eve, tag=vip, by=SYSTEM)

    go()

    assert only_run(live).subscriber == ada


def test_coming_into_a_segment_starts_a_run(workspace, news, ada):
    people.tag(ada, name="VIP", by=SYSTEM)
    rule = {"tag": "vip", "op": "has"}
    segment = people.create_segment(
        workspace, name="Vips", slug="vips", rule=rule, by=SYSTEM, announce=True
    )
    live = starts(workspace, news, {"kind": "segment_entered", "segment": "vips"})
    Segment.objects.filter(pk=segment.pk).update(refresh_due_at=clock.db_now())

    while refresh.refresh_due():
        pass
    assert SegmentMember.objects.filter(segment=segment).exists()
    go()

    assert only_run(live).subscriber == ada


def test_a_field_that_changes_starts_a_run_if_it_changes_to_the_right_value(workspace, news, ada):
    trigger = {"kind": "field_changed", "field": "plan", "to": "pro"}
    live = starts(workspace, news, trigger, fields=(("plan", "text"),))
    any_change = starts(workspace, news, {"kind": "field_changed", "field": "plan"})
    (bob,) = make_audience(1, on=news)
    people.upsert(workspace, email=bob.email, fields={"plan": "free"}, by=SYSTEM)
    people.upsert(workspace, email=ada.email, fields={"plan": "Pro"}, by=SYSTEM)
    people.upsert(workspace, email=ada.email, first_name="Else", by=SYSTEM)

    go()

    assert only_run(live).subscriber == ada
    assert {run.subscriber for run in any_change.enrollments.all()} == {ada, bob}


def abandoned(workspace, news, **settings):
    """Somebody fills a cart: unless they order it within a day, they are reminded."""
    bought = {"key": "bought", "when": SAME_CART, "steps": [{**BYE, "key": "thanks"}]}
    late = {"key": "timeout", "steps": [{**HELLO, "key": "remind"}]}
    return starts(workspace, news, CART, wait_until(bought, late), **settings)


def test_an_order_of_the_same_cart_ends_the_wait_at_once(workspace, news, ada):
    live = abandoned(workspace, news)
    tell(ada, "cart_updated", properties={"cart": "c1"})
    go()
    assert only_run(live).position == "until"

    tell(ada, "order_placed", properties={"cart": "c2"})
    go()
    assert queued() == []
    tell(ada, "order_placed", properties={"cart": "c1"})
    go()

    assert queued() == ["thanks"]


def test_an_order_between_the_event_and_the_first_look_is_not_missed(workspace, news, ada):
    abandoned(workspace, news)
    tell(ada, "order_placed", properties={"cart": "c1"})  # before: it does not count
    tell(ada, "cart_updated", properties={"cart": "c1"})
    tell(ada, "order_placed", properties={"cart": "c1"})

    go()

    assert queued() == ["thanks"]


def test_what_happens_after_the_deadline_is_too_late_however_late_the_engine_looks(
    workspace, news, ada
):
    abandoned(workspace, news)
    now = clock.db_now()
    with clock.frozen(now):
        tell(ada, "cart_updated", properties={"cart": "c1"})
        go()
    with clock.frozen(now + DAY + HOUR):
        tell(ada, "order_placed", properties={"cart": "c1"})
        go()

    assert queued() == ["remind"]


def test_what_happens_before_the_deadline_counts_however_late_the_engine_looks(
    workspace, news, ada
):
    live = abandoned(workspace, news)
    now = clock.db_now()
    with clock.frozen(now):
        tell(ada, "cart_updated", properties={"cart": "c1"})
        go()
    with clock.frozen(now + DAY - HOUR):
        tell(ada, "order_placed", properties={"cart": "c1"})
    with clock.frozen(now + 3 * DAY):
        engine.advance()  # before the consumer has come
        go()

    assert queued() == ["thanks"]
    assert only_run(live).position == "thanks"


def test_the_event_and_the_deadline_race_and_one_of_them_wins(workspace, news, ada):
    live = abandoned(workspace, news)
    tell(ada, "cart_updated", properties={"cart": "c1"})
    go()
    long_ago = clock.db_now() - 2 * DAY
    Enrollment.objects.update(entered_step_at=long_ago, due_at=clock.db_now() - DAY)
    told_, may_commit = threading.Event(), threading.Event()

    def order():
        with transaction.atomic():
            tell(ada, "order_placed", properties={"cart": "c1"})
            told_.set()
            may_commit.wait(timeout=10)

    with ThreadPoolExecutor(2) as pool:
        ordering = pool.submit(in_a_session_of_its_own(order))
        told_.wait(timeout=10)
        engine.advance()  # does not see the order yet, which is too late anyway
        may_commit.set()
        ordering.result(timeout=10)
    go()
    go()

    assert queued() == ["remind"]
    steps = told(ada, "enrollment.step")
    assert [(step, arm) for _, step, arm in steps if step == "until"] == [
        ("until", ""),
        ("until", "timeout"),
    ]
    assert only_run(live).position == "remind"


def test_an_event_is_not_missed_while_the_engine_brings_the_run_to_its_wait(workspace, news, ada):
    live = starts(
        workspace,
        news,
        joining(news),
        wait_until({"key": "bought", "when": ORDERED, "steps": [BYE]}, key="until"),
        HELLO,
    )
    enroll(live, [ada.pk], by=SYSTEM)
    looked, may_commit = threading.Event(), threading.Event()

    def advance():
        with transaction.atomic():
            engine.advance_batch(10)
            looked.set()
            may_commit.wait(timeout=10)

    with ThreadPoolExecutor(2) as pool:
        advancing = pool.submit(in_a_session_of_its_own(advance))
        looked.wait(timeout=10)
        tell(ada, "order_placed")
        rousing = pool.submit(in_a_session_of_its_own(consume))
        with pytest.raises(TimeoutError):
            rousing.result(timeout=0.5)
        may_commit.set()
        advancing.result(timeout=10)
        rousing.result(timeout=20)
    engine.advance()

    assert queued() == ["bye", "hello"]


def test_a_rule_that_comes_to_hold_ends_the_wait_at_once(workspace, news, ada):
    vip = {"key": "vip", "when": {"rule": {"tag": "vip", "op": "has"}}, "steps": [TIPS]}
    live = make_playing(wait_until(vip), BYE, workspace=workspace, list=news)
    enroll(live, [ada.pk], by=SYSTEM)
    go()
    assert queued() == []

    people.tag(ada, name="VIP", by=SYSTEM)
    go()

    assert queued() == ["tips", "bye"]


def engage(run, kind, **columns):
    """Somebody does something to the message of a run, as delivery tells it."""
    message = SendLedger.objects.get(subscriber_id=run.subscriber_id, run=run.run)
    what = NewEvent(
        *(message.workspace_id, message.subscriber_id, kind, clock.now()),
        *(SourceKind.SEQUENCE, message.source_id, message.step_key, "", message.pk),
        **columns,
    )
    events.record_many([what])


@pytest.mark.parametrize(
    ("when", "kind", "verdict"),
    [
        ({"reply": True}, "message.replied", ""),
        ({"opened": True}, "message.opened", "human"),
        ({"clicked": "hello"}, "message.clicked", "human"),
    ],
)
def test_what_becomes_of_its_message_ends_the_wait_of_that_run_alone(
    workspace, news, ada, when, kind, verdict
):
    answered = {"key": "yes", "when": when, "steps": [TIPS]}
    live = make_playing(HELLO, wait_until(answered), workspace=workspace, list=news)
    (bob,) = make_audience(1, on=news)
    enroll(live, [ada.pk, bob.pk], by=SYSTEM)
    engine.advance()
    let_leave()
    go()
    run = Enrollment.objects.get(subscriber=ada)

    if verdict:
        engage(run, kind, verdict="machine")
        go()
        assert queued() == []
    engage(run, kind, verdict=verdict)
    go()

    assert queued(ada) == ["tips"]
    assert queued(bob) == []


def test_a_change_of_zone_moves_the_end_of_a_wait(workspace, news, ada):
    nine = {"kind": "wait", "key": "nine", "until": {"time": "09:00"}}
    live = make_playing(nine, HELLO, workspace=workspace, list=news)
    enroll(live, [ada.pk], by=SYSTEM)
    go()
    before = only_run(live).due_at
    assert (before.hour, before.minute) == (9, 0)

    people.upsert(workspace, email=ada.email, time_zone="Asia/Tokyo", by=SYSTEM)
    go()

    after = only_run(live).due_at
    assert (after.hour, after.minute) == (0, 0)
    assert queued() == []


@pytest.mark.parametrize(("kind", "told_as"), [("goals", "goal"), ("exits", "exited")])
def test_a_goal_or_an_exit_ends_the_run_and_cancels_its_message(
    workspace, news, ada, kind, told_as
):
    ending = [{"name": "Bought", "when": ORDERED}]
    live = make_playing(HELLO, A_DAY, BYE, workspace=workspace, list=news, **{kind: ending})
    (bob,) = make_audience(1, on=news)
    enroll(live, [ada.pk, bob.pk], by=SYSTEM)
    engine.advance()

    tell(ada, "order_placed")
    go()

    run = Enrollment.objects.get(subscriber=ada)
    assert (run.state, run.reason) == ("exited", "Bought")
    assert told(ada, "enrollment.goal", "enrollment.exited") == [
        (f"enrollment.{told_as}", "a-day", "Bought")
    ]
    assert queued(ada) == []
    assert queued(bob) == ["hello"]
    assert Enrollment.objects.get(subscriber=bob).state == "active"


@pytest.mark.parametrize("state", ["paused run", "paused sequence"])
def test_a_goal_counts_while_nothing_moves(workspace, news, ada, state):
    goals = [{"name": "Vip", "when": {"rule": {"tag": "vip", "op": "has"}}}]
    live = make_playing(HELLO, A_DAY, BYE, workspace=workspace, list=news, goals=goals)
    enroll(live, [ada.pk], by=SYSTEM)
    engine.advance()
    if state == "paused run":
        lifecycle.pause(Enrollment.objects.all(), by=SYSTEM)
    else:
        lifecycle.pause_sequence(live, by=SYSTEM)

    people.tag(ada, name="VIP", by=SYSTEM)
    consume()

    assert only_run(live).state == "exited"
    assert queued() == []


def test_a_goal_is_seen_at_the_next_step_even_if_the_consumer_never_comes(workspace, news, ada):
    goals = [{"name": "Bought", "when": ORDERED}]
    live = make_playing(HELLO, workspace=workspace, list=news, goals=goals)
    tell(ada, "order_placed")  # before the run: another order
    enroll(live, [ada.pk], by=SYSTEM)
    tell(ada, "order_placed")

    engine.advance()

    assert only_run(live).reason == "Bought"
    assert not Outbox.objects.exists()


def test_a_goal_that_was_reached_before_does_not_end_the_next_run(workspace, news, ada):
    goals = [{"name": "Bought", "when": ORDERED}]
    live = make_playing(HELLO, workspace=workspace, list=news, goals=goals, re_entry="always")
    enroll(live, [ada.pk], by=SYSTEM)
    tell(ada, "order_placed")
    go()
    enroll(live, [ada.pk], by=SYSTEM)
    go()

    runs = Enrollment.objects.order_by("run").values_list("run", "state")
    assert [*runs] == [(1, "exited"), (2, "active")]
    assert queued() == ["hello"]


def test_one_sequence_takes_people_out_of_another(workspace, news, ada):
    target = make_playing(HELLO, A_DAY, BYE, workspace=workspace, list=news)
    takes = make_playing(
        act(kind="remove", sequence=target.public_id), TIPS, workspace=workspace, list=news
    )
    enroll(target, [ada.pk], by=SYSTEM)
    engine.advance()
    enroll(takes, [ada.pk], by=SYSTEM)
    engine.advance()

    go()

    run = only_run(target)
    assert (run.state, run.reason) == ("exited", f"removed by “{takes.name}”")
    assert queued() == ["tips"]


def test_who_is_confirmed_by_joining_waits_for_no_event_of_others(workspace, news, ada):
    live = starts(workspace, news, joining(news))
    (bob,) = make_audience(1, on=ListFactory(workspace=workspace))
    people.subscribe(bob, to=news, by=SYSTEM, confirmed=True, consent=Consent("test"))

    go()

    assert only_run(live).subscriber == bob
