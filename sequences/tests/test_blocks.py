from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from emailseq.lib.localtime import NeverOpen, Window, quiet_hours
from sequences import interpreter
from sequences.actions import AddTag, SetField
from sequences.conditions import EventHappens, Replies, RuleHolds
from sequences.interpreter import ASK_AGAIN, LOOK_AGAIN, TooManyHops
from sequences.passes import Act, Enter, Facts, Outcome, Queue
from sequences.program import (
    ActionStep,
    Arm,
    BranchStep,
    EmailStep,
    ExitStep,
    Program,
    SplitStep,
    Variant,
    WaitStep,
    WaitUntilStep,
)
from sequences.schedule import Delay, UntilDate, UntilTime
from subscribers.segments.rules import Tagged

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
VIP, ORDER = RuleHolds(Tagged("tag_1", has=True)), EventHappens("order_placed")
HELLO, GIFT, TIPS = EmailStep("hello", 1), EmailStep("gift", 2), EmailStep("tips", 3)
REST = WaitStep("rest", Delay(DAY))
VIPS = BranchStep("vips", (Arm("vip", (GIFT,), when=VIP), Arm("else")))
CART = WaitUntilStep("cart", (Arm("bought", (TIPS,), when=ORDER), Arm("timeout")), timeout=HOUR)


def queue(step, run_at=NOW):
    return Queue(step, run_at, "", step.template_version_id)


def run(program, position="", now=NOW, **facts):
    return interpreter.run(program, position, Facts(**{"entered_at": now, **facts}), now)


def test_a_branch_wants_to_know_its_rules_and_does_not_move_before():
    program = Program((HELLO, VIPS, REST))

    asking = run(program)

    assert asking == Outcome("vips", NOW, NOW, (Enter(HELLO), queue(HELLO)), wants=("vips/vip",))
    assert run(program, "vips").wants == ("vips/vip",)


def test_a_branch_takes_the_first_arm_whose_rule_holds():
    both = BranchStep(
        "both", (Arm("a", when=VIP), Arm("b", (HELLO,), when=VIP), Arm("else", (TIPS,)))
    )

    def taken(**answers):
        return run(Program((both,)), "both", answers={f"both/{k}": v for k, v in answers.items()})

    assert taken(a=True, b=True).effects == (Enter(both, "a"),)
    assert taken(a=False, b=True).effects == (Enter(both, "b"), Enter(HELLO), queue(HELLO))
    assert taken(a=False, b=False).effects == (Enter(both, "else"), Enter(TIPS), queue(TIPS))
    assert taken(a=True).wants == ("both/b",)


def test_what_was_done_before_a_question_is_known_after_it():
    until = WaitStep("until", UntilDate("day", timedelta(0), time(9)))
    program = Program((HELLO, ActionStep("set", SetField("day", "2026-03-20")), VIPS, until))
    facts = Facts(NOW, fields={"plan": "pro"})
    asking = interpreter.run(program, "", facts, NOW)

    told = facts.after(asking, answers={"vips/vip": False}, happened={})
    outcome = interpreter.run(program, asking.position, told, NOW)

    assert told.unfinished == {"hello": NOW}
    assert told.fields == {"plan": "pro", "day": "2026-03-20"}
    assert outcome == Outcome(
        "until", datetime(2026, 3, 20, 9, tzinfo=UTC), NOW, (Enter(VIPS, "else"), Enter(until))
    )


def test_who_came_through_an_empty_arm_to_the_end_does_not_choose_again():
    program = Program((HELLO, VIPS))

    there = run(program, "vips", unfinished={"hello": NOW}, answers={"vips/vip": False})
    assert there == Outcome(
        "vips/else", NOW + LOOK_AGAIN, NOW, (Enter(VIPS, "else"),), awaits="hello"
    )

    still = run(program, "vips/else", unfinished={"hello": NOW})
    assert still == Outcome("vips/else", NOW + LOOK_AGAIN, NOW, awaits="hello")
    assert run(program, "vips/else").ended


def test_after_an_arm_a_run_goes_on_behind_its_block_from_any_depth():
    deep = Program((HELLO,))
    for level in range(50):
        deep = Program((SplitStep(f"split{level}", (Arm("a", deep.steps, weight=1),)),))
    deep = Program((*deep.steps, TIPS))

    outcome = run(deep)

    assert [effect.step.key for effect in outcome.effects if isinstance(effect, Queue)] == [
        "hello",
        "tips",
    ]


def test_a_split_divides_people_by_weight_and_always_in_the_same_way():
    split = SplitStep("split", (Arm("a", weight=3), Arm("b", weight=1), Arm("c")))
    program = Program((split,))

    def arm(person, workspace=1):
        (enter,) = run(program, workspace_id=workspace, subscriber_id=person).effects
        return enter.arm

    arms = [arm(person) for person in range(4000)]

    shares = Counter(arms)
    assert 2900 < shares["a"] < 3100
    assert shares["a"] + shares["b"] == 4000
    assert arms == [arm(person) for person in range(4000)]
    assert arms != [arm(person, workspace=2) for person in range(4000)]


def test_a_variant_sticks_and_follows_the_weights_it_is_given():
    variants = (Variant("a", 1, 7), Variant("b", 1, 8))
    step = EmailStep("test", 1, variants)

    def drawn(person, **facts):
        outcome = run(Program((step,)), workspace_id=1, subscriber_id=person, **facts)
        return outcome.effects[1].variant, outcome.effects[1].template_version_id

    assert Counter(drawn(person) for person in range(1000)).keys() == {("a", 7), ("b", 8)}
    assert drawn(1) == drawn(1)
    weights = {"test": {"a": 0.0, "b": 1.0}, "other": {"a": 1.0}}
    assert {drawn(person, weights=weights) for person in range(100)} == {("b", 8)}
    known = {"test": {"b": 0.0}}
    assert {drawn(person, weights=known) for person in range(100)} == {("a", 7)}


def test_a_message_keeps_the_thread_of_an_earlier_one():
    answer = EmailStep("again", 2, thread="hello")

    assert run(Program((HELLO, answer))).effects[-1].step.thread == "hello"


def test_an_exit_ends_the_run_once_its_messages_have_left():
    leave = ExitStep("leave", "bought")
    program = Program((HELLO, leave, TIPS))

    assert run(program) == Outcome(
        "leave",
        NOW + LOOK_AGAIN,
        NOW,
        (Enter(HELLO), queue(HELLO), Enter(leave)),
        awaits="hello",
    )
    assert run(program, "leave", left_at={"hello": NOW}) == Outcome(
        "leave", NOW, NOW, ended=True, reason="bought"
    )


def test_actions_are_done_on_the_way():
    tag = ActionStep("tag", AddTag("tag_1"))

    assert run(Program((tag, REST))) == Outcome(
        "rest", NOW + DAY, NOW, (Enter(tag), Act(tag), Enter(REST))
    )


@pytest.mark.parametrize(
    ("happened", "age", "arm"),
    [
        pytest.param(None, HOUR - MINUTE, None, id="nothing yet"),
        pytest.param(None, HOUR, "timeout", id="the time is over"),
        pytest.param(10 * MINUTE, 11 * MINUTE, "bought", id="it happened"),
        pytest.param(10 * MINUTE, 9 * HOUR, "bought", id="looked at late"),
        pytest.param(HOUR, 9 * HOUR, "bought", id="in the last instant"),
        pytest.param(HOUR + MINUTE, 9 * HOUR, "timeout", id="too late, looked at later"),
    ],
)
def test_a_wait_until_takes_the_first_fact_in_time(happened, age, arm):
    since = NOW - age
    known = {"cart/bought": happened and since + happened}

    outcome = run(Program((CART, REST)), "cart", entered_at=since, happened=known)

    if arm:
        assert outcome.effects[0] == Enter(CART, arm)
        assert outcome.entered_at == NOW
    else:
        assert outcome == Outcome("cart", since + HOUR, since)


def test_of_several_facts_the_first_wins_and_of_two_at_once_the_upper_arm():
    arms = (Arm("bought", when=ORDER), Arm("said", when=Replies()), Arm("timeout"))
    program = Program((WaitUntilStep("cart", arms, timeout=HOUR),))

    def taken(bought, said):
        happened = {"cart/bought": bought, "cart/said": said}
        (enter,) = run(program, "cart", entered_at=NOW - HOUR, happened=happened).effects
        return enter.arm

    assert taken(NOW - 10 * MINUTE, NOW - 20 * MINUTE) == "said"
    assert taken(NOW - 10 * MINUTE, NOW - 10 * MINUTE) == "bought"
    assert taken(NOW - 10 * MINUTE, None) == "bought"


def test_a_rule_that_holds_when_the_time_is_over_is_in_time_but_behind_what_happened_before():
    arms = (Arm("vip", when=VIP), Arm("bought", when=ORDER), Arm("timeout"))
    program = Program((WaitUntilStep("cart", arms, timeout=5 * HOUR),))

    def look(age, *, vip, bought=None):
        known = {"answers": {"cart/vip": vip}, "happened": {"cart/bought": bought}}
        return run(program, "cart", entered_at=NOW - age, **known)

    assert look(HOUR, vip=False) == Outcome("cart", NOW + ASK_AGAIN, NOW - HOUR)
    assert look(5 * HOUR - MINUTE, vip=False).due_at == NOW + MINUTE
    assert look(HOUR, vip=True).effects[0].arm == "vip"
    assert look(9 * HOUR, vip=True).effects[0].arm == "vip"
    assert look(9 * HOUR, vip=True, bought=NOW - 8 * HOUR).effects[0].arm == "bought"
    assert look(9 * HOUR, vip=False).effects[0].arm == "timeout"


def test_an_order_between_the_entering_event_and_the_first_look_is_not_missed():
    late = NOW - 20 * MINUTE
    tag = ActionStep("tag", AddTag("tag_1"))
    program = Program((tag, CART))
    facts = Facts(late)

    asking = interpreter.run(program, "", facts, NOW)

    assert (asking.wants, asking.position, asking.entered_at) == (("cart/bought",), "cart", late)
    told = facts.after(asking, answers={}, happened={"cart/bought": None})
    assert interpreter.run(program, "cart", told, NOW) == Outcome("cart", late + HOUR, late)
    told = facts.after(asking, answers={}, happened={"cart/bought": late + MINUTE})
    assert interpreter.run(program, "cart", told, NOW).effects[0] == Enter(CART, "bought")


def test_the_time_of_a_wait_until_counts_from_when_its_message_left():
    program = Program((HELLO, CART, REST))
    since, happened = NOW - 2 * HOUR, {"cart/bought": None}

    waiting = run(program, "cart", entered_at=since, unfinished={"hello": since}, happened=happened)
    assert waiting == Outcome("cart", NOW + LOOK_AGAIN, since, awaits="hello")
    left = {"hello": NOW - 10 * MINUTE}
    known = {"entered_at": since, "happened": happened}
    assert run(program, "cart", left_at=left, **known).due_at == NOW + 50 * MINUTE
    bought = {"cart/bought": NOW - MINUTE}
    outcome = run(program, "cart", entered_at=since, unfinished={"hello": since}, happened=bought)
    assert outcome.effects[0] == Enter(CART, "bought")


def test_a_message_waits_for_its_window_and_the_wait_behind_it_for_the_message():
    berlin = ZoneInfo("Europe/Berlin")
    office = (Window(time(9), time(17), frozenset({2, 3})), quiet_hours(time(20), time(10)))
    opens_at = datetime(2026, 3, 3, 9, tzinfo=UTC)  # Tuesday, 10:00 in Berlin

    outcome = run(Program((HELLO, REST)), windows=office, zone=berlin)

    assert outcome.effects[1] == queue(HELLO, opens_at)
    assert outcome.due_at == opens_at + DAY
    last = run(Program((HELLO,)), windows=office, zone=berlin)
    assert (last.due_at, last.awaits) == (opens_at + LOOK_AGAIN, "hello")
    never = (office[0], quiet_hours(time(9), time(17)))
    with pytest.raises(NeverOpen):
        run(Program((HELLO,)), windows=never, zone=berlin)


def test_a_local_wait_follows_its_person_to_another_zone():
    program = Program((WaitStep("nine", UntilTime(time(9))), HELLO))
    since = datetime(2026, 3, 2, 3, tzinfo=UTC)

    def look(zone, now=NOW):
        return run(program, "nine", now=now, entered_at=since, zone=ZoneInfo(zone))

    assert look("America/New_York") == Outcome("nine", NOW + 5 * HOUR, since)
    assert look("Europe/Berlin").position == "hello"
    assert look("Asia/Tokyo").due_at == datetime(2026, 3, 3, 0, tzinfo=UTC)


def test_a_missing_date_is_noted_and_holds_up_nobody():
    until = WaitStep("until", UntilDate("renewal", timedelta(days=-5), time(9)))
    known = {"fields": {"renewal": "2026-03-20"}}

    assert run(Program((until, HELLO))).effects[:2] == (
        Enter(until, note="There is no date in “renewal”."),
        Enter(HELLO),
    )
    assert run(Program((until, HELLO)), **known) == Outcome(
        "until", datetime(2026, 3, 15, 9, tzinfo=UTC), NOW, (Enter(until),)
    )


def test_a_message_of_an_arm_holds_up_the_wait_behind_the_block():
    program = Program((VIPS, REST))
    since = NOW - DAY

    def look(**facts):
        return run(program, "rest", entered_at=since, **facts)

    assert look(unfinished={"gift": since}) == Outcome(
        "rest", NOW + LOOK_AGAIN, since, awaits="gift"
    )
    assert look(left_at={"gift": since + HOUR}).due_at == NOW + HOUR
    assert look().ended


def test_a_pass_has_an_end():
    many = Program(tuple(ActionStep(f"a{n}", AddTag("tag_1")) for n in range(1001)))

    with pytest.raises(TooManyHops, match="1000 steps without a wait, up to 'a999'"):
        run(many)
    assert run(Program(many.steps[:999])).ended
