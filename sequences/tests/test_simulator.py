from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emailseq.lib.localtime import Window, next_open
from sequences import simulator
from sequences.actions import AddList, AddTag, Notify, RemoveList, RemoveTag, SetField
from sequences.conditions import Engages, EventHappens, Replies, RuleHolds
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
from sequences.schedule import Delay, UntilDate, UntilTime, UntilWeekday
from sequences.simulator import Ending, Standing, Terms, simulate
from sequences.tests.programs import EVENTS, programs
from sequences.tests.test_runs import way
from subscribers.segments.comparisons import Comparison, Entry
from subscribers.segments.evaluate import Fact, Profile
from subscribers.segments.rules import Field, Happened, Property, Source, Tagged

START = datetime(2026, 3, 27, 12, tzinfo=UTC)  # a Friday; on Sunday, clocks change in Berlin
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
NEWS = {"lst_1": "confirmed"}
ADA = Profile(values={"time_zone": "Europe/Berlin"}, lists=NEWS)
HELLO, TIPS, BYE = EmailStep("hello", 1), EmailStep("tips", 2), EmailStep("bye", 3)
VIP = RuleHolds(Tagged("tag_1", has=True))


def wait(key, **length):
    return WaitStep(key, Delay(timedelta(**length)))


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def told(program, profile=ADA, events=(), **options):
    """Each entry as `kind key (arm)`, and when it happens."""
    options = {"terms": Terms(), **options}
    entries = simulate(Program(program), profile, events, START, **options)
    return [
        (f"{entry.kind} {entry.step_key} {entry.arm}".strip().replace("  ", " "), entry.at)
        for entry in entries
    ]


def whole(*arguments, **options):
    options = {"terms": Terms(), **options}
    return simulate(Program(arguments[0]), *arguments[1:], START, **options)


def order(after, **properties):
    return Fact("custom", START + after, name="order_placed", properties=properties)


def test_a_welcome_on_the_clock_of_its_person():
    program = (HELLO, WaitStep("nine", UntilWeekday(frozenset({1}), time(9))), TIPS)

    entries = whole(program, ADA, ())

    assert [(entry.kind, entry.step_key, entry.local.isoformat()) for entry in entries] == [
        ("started", "", "2026-03-27T13:00:00+01:00"),
        ("email", "hello", "2026-03-27T13:00:00+01:00"),
        ("wait", "nine", "2026-03-27T13:00:00+01:00"),
        ("email", "tips", "2026-03-30T09:00:00+02:00"),
        ("completed", "", "2026-03-30T09:00:00+02:00"),
    ]
    assert [entry.template_version_id for entry in entries if entry.kind == "email"] == [1, 2]


CART = EventHappens("order_placed", (Property("cart", Comparison("is", Entry("cart"))),))
ABANDONED = (
    WaitUntilStep(
        "order", (Arm("bought", (ExitStep("out", "bought"),), when=CART), Arm("timeout")), HOUR
    ),
    HELLO,
)


def test_an_abandoned_cart_is_written_to_after_an_hour():
    other = order(timedelta(minutes=10), cart="another")

    assert told(ABANDONED, events=[other], entry={"cart": "mine"}) == [
        ("started", START),
        ("wait_until order", START),
        ("wait_until order timeout", START + HOUR),
        ("email hello", START + HOUR),
        ("completed", START + HOUR),
    ]


def test_who_buys_in_time_is_left_in_peace():
    bought = order(timedelta(minutes=59), cart="mine")

    entries = whole(ABANDONED, ADA, [bought], entry={"cart": "mine"})

    assert [(entry.kind, entry.arm, entry.why) for entry in entries[2:]] == [
        ("wait_until", "bought", "It happened first."),
        ("exit", "", "bought"),
        ("exited", "", "bought"),
    ]
    assert {entry.at for entry in entries[2:]} == {START + timedelta(minutes=59)}


@pytest.mark.parametrize(
    ("when", "fact", "arm"),
    [
        (Replies(), Fact("message.replied", START + HOUR), "it"),
        (Replies(), Fact("message.replied", START + HOUR, source="seq_1"), "it"),
        (Replies(), Fact("message.replied", START + HOUR, source="seq_2"), "timeout"),
        (Replies(), Fact("message.opened", START + HOUR, verdict="human"), "timeout"),
        (Replies(), Fact("message.replied", START), "timeout"),
        (Engages("opened"), Fact("message.opened", START + HOUR, verdict="human"), "it"),
        (Engages("opened"), Fact("message.opened", START + HOUR, verdict="machine"), "timeout"),
        (Engages("opened"), Fact("message.clicked", START + HOUR, verdict="human"), "timeout"),
        (
            Engages("clicked", "hello"),
            Fact("message.clicked", START + HOUR, step="hello", verdict="human"),
            "it",
        ),
        (
            Engages("clicked", "hello"),
            Fact("message.clicked", START + HOUR, step="tips", verdict="human"),
            "timeout",
        ),
        (VIP, Fact("tag.added", START + HOUR, properties={"tag": "tag_1"}), "it"),
        (VIP, Fact("tag.added", START + HOUR, properties={"tag": "tag_2"}), "timeout"),
        (VIP, Fact("tag.removed", START + HOUR, properties={"tag": "tag_1"}), "timeout"),
        (
            RuleHolds(Happened("message.sent", source=Source("sequence", "seq_1", "hello"))),
            Fact("custom", START + HOUR, name="noise"),
            "it",
        ),
    ],
)
def test_what_a_run_waits_for(when, fact, arm):
    until = WaitUntilStep("until", (Arm("it", when=when), Arm("timeout")), timeout=DAY)

    entries = whole((HELLO, until), ADA, [fact], terms=Terms(source="seq_1"))

    assert entries[-2].arm == arm


def test_a_rule_sees_what_actions_have_done():
    vips = BranchStep("vips", (Arm("vip", (TIPS,), when=VIP), Arm("else", (BYE,))))
    add, remove = ActionStep("add", AddTag("tag_1")), ActionStep("remove", RemoveTag("tag_1"))

    assert told((add, vips))[2:4] == [("branch vips vip", START), ("email tips", START)]
    tagged = Profile(tags=["tag_1"], lists=NEWS)
    assert told((remove, vips), tagged)[2:4] == [("branch vips else", START), ("email bye", START)]
    entries = whole((add, vips), ADA, ())
    assert [entry.why for entry in entries[:4]] == ["", "", "Its rule holds.", ""]
    assert whole((vips,), ADA, ())[1].why == "No rule holds."


def test_actions_change_the_person_and_nobody_else():
    plan = RuleHolds(Field("plan", Comparison("is", "pro")))
    program = (
        ActionStep("set", SetField("plan", "pro")),
        ActionStep("day", SetField("day", "2026-04-01")),
        ActionStep("tell", Notify("sales@example.com", "Look!")),
        BranchStep("pro", (Arm("yes", when=plan), Arm("else"))),
        WaitStep("until", UntilDate("day", timedelta(0), time(9))),
        ActionStep("move", SetField("time_zone", "Asia/Kathmandu")),
        WaitStep("noon", UntilTime(time(12))),
        HELLO,
    )

    entries = whole(program, ADA, ())

    assert entries[4].arm == "yes"
    assert entries[6].local == at("2026-04-01 09:00", "Europe/Berlin")
    assert entries[-2].local == at("2026-04-02 12:00", "Asia/Kathmandu")
    assert ADA.values == {"time_zone": "Europe/Berlin"}


def test_a_date_that_is_missing_is_told():
    until = WaitStep("until", UntilDate("day", timedelta(0), time(9)))

    entries = whole((until, HELLO), ADA, ())

    assert (entries[1].why, entries[2].at) == ("There is no date in “day”.", START)


def test_a_zone_that_is_none_is_told_and_that_of_the_workspace_is_taken():
    lost = Profile(values={"time_zone": "Mars/Olympus"}, lists=NEWS)
    noon = (WaitStep("noon", UntilTime(time(14))), HELLO)

    entries = whole(noon, lost, (), terms=Terms(zone=BERLIN))

    assert entries[0].why == simulator.BAD_ZONE
    assert entries[2].local == at("2026-03-27 14:00", "Europe/Berlin")
    nowhere = whole(noon, Profile(lists=NEWS), (), terms=Terms(zone=BERLIN))
    assert (nowhere[0].why, nowhere[2].at) == ("", entries[2].at)


OFFICE = Window(time(9), time(17), frozenset({1, 2, 3, 4, 5}))


def test_a_message_leaves_when_the_window_opens_and_the_wait_counts_from_then():
    saturday = START + DAY

    entries = whole(
        (wait("day", days=1), HELLO, wait("more", hours=1), TIPS),
        ADA,
        (),
        terms=Terms(windows=(OFFICE,)),
    )

    assert [(entry.kind, entry.at, entry.why) for entry in entries[2:]] == [
        ("wait", saturday, ""),
        ("email", at("2026-03-30 07:00"), "The send window opens."),
        ("email", at("2026-03-30 08:00"), ""),
        ("completed", at("2026-03-30 08:00"), ""),
    ]


def test_a_goal_ends_the_run_and_stops_what_has_not_left():
    terms = Terms(windows=(OFFICE,), endings=(Ending("goal", "Has bought", CART),))
    program = (wait("day", days=1), HELLO, wait("more", hours=1), TIPS)

    def buy(moment):
        bought = Fact("custom", moment, name="order_placed", properties={"cart": "mine"})
        return told(program, events=[bought], terms=terms, entry={"cart": "mine"})

    on_sunday, on_monday = at("2026-03-29 12:00"), at("2026-03-30 07:30")
    assert buy(on_sunday)[-1] == ("goal", on_sunday)
    assert "email hello" not in dict(buy(on_sunday))
    assert buy(on_monday)[-2:] == [("email hello", at("2026-03-30 07:00")), ("goal", on_monday)]
    entries = whole(program, ADA, [order(DAY, cart="mine")], terms=terms, entry={"cart": "mine"})
    assert entries[-1].why == "Has bought"


def test_a_fact_from_before_the_run_reaches_no_goal():
    before = Fact("custom", START, name="order_placed", properties={"cart": "mine"})
    terms = Terms(endings=(Ending("goal", "Has bought", EventHappens("order_placed")),))

    profile = Profile(lists=NEWS, facts=[before])

    assert told((HELLO,), profile, terms=terms)[-1] == ("completed", START)


def test_an_exit_by_rule_is_seen_as_soon_as_it_holds():
    terms = Terms(endings=(Ending("exit", "Is a VIP", VIP),))
    program = (HELLO, ActionStep("add", AddTag("tag_1")), wait("day", days=1), TIPS)

    assert told(program, terms=terms)[-2:] == [("wait day", START), ("exited", START)]
    tagged = Profile(tags=["tag_1"], lists=NEWS)
    assert told(program, tagged, terms=terms) == [("started", START), ("exited", START)]


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (Profile(), "not subscribed"),
        (Profile(lists={"lst_1": "pending"}), "not subscribed"),
        (Profile(lists={"lst_2": "confirmed"}), "not subscribed"),
        (Profile(lists=NEWS, archived=True), "archived"),
    ],
)
def test_who_may_not_be_mailed_gets_nothing(profile, why):
    entries = whole((HELLO,), profile, (), terms=Terms(list="lst_1"))

    assert [(entry.kind, entry.why) for entry in entries] == [("started", ""), ("exited", why)]


def test_who_leaves_gets_nothing_more():
    left = Fact("subscription.unsubscribed", START + HOUR, properties={"list": "lst_1"})
    program = (HELLO, wait("day", days=1), TIPS)

    assert told(program, events=[left])[-1] == ("exited", START + HOUR)
    again = Fact("subscription.confirmed", START + HOUR, properties={"list": "lst_1"})
    assert told(program, events=[again])[-1] == ("completed", START + DAY)
    out = ActionStep("out", RemoveList("lst_1"))
    assert told((out, wait("day", days=1), HELLO))[-1] == ("exited", START)
    over = ActionStep("over", AddList("lst_2"))
    assert told((over, out, wait("day", days=1), HELLO))[-1] == ("completed", START + DAY)


def test_chance_falls_as_it_does_in_the_engine():
    split = SplitStep("split", (Arm("a", weight=1), Arm("b", weight=1)))
    test = EmailStep("test", 1, (Variant("x", 1, 7), Variant("y", 1, 8)))

    def fall(person, **terms):
        options = {"terms": Terms(workspace_id=1, **terms), "subscriber_id": person}
        _, arm, email, _ = whole((split, test), ADA, (), **options)
        assert arm.why == "By chance, and always in the same way."
        return arm.arm, email.variant, email.template_version_id

    assert {fall(person) for person in range(50)} == {
        (arm, *variant) for arm in "ab" for variant in (("x", 7), ("y", 8))
    }
    weights = {"test": {"x": 0.0, "y": 1.0}}
    assert {fall(person, weights=weights)[1] for person in range(50)} == {"y"}


def test_a_run_goes_on_from_where_it_stands():
    cart = WaitUntilStep("cart", (Arm("bought", (BYE,), when=CART), Arm("timeout")), timeout=DAY)
    program = (HELLO, cart, TIPS)
    earlier = START - 12 * HOUR

    def go_on(*facts, **standing):
        profile = Profile(lists=NEWS, facts=facts)
        standing = Standing(earlier, earlier, "cart", **standing)
        return told(program, profile, standing=standing, entry={"cart": "mine"})

    assert go_on(left_at={"hello": earlier})[0] == ("wait_until cart timeout", START + 12 * HOUR)
    assert go_on(left_at={"hello": earlier + HOUR})[0][1] == START + 13 * HOUR
    assert go_on(unfinished={"hello": START + HOUR})[:2] == [
        ("email hello", START + HOUR),
        ("wait_until cart timeout", START + HOUR + DAY),
    ]
    bought = order(-HOUR, cart="mine")
    assert go_on(bought, left_at={"hello": earlier})[:2] == [
        ("wait_until cart bought", START),
        ("email bye", START),
    ]


def test_a_simulation_stops_where_it_is_told_to():
    program = (HELLO, wait("day", days=1), TIPS)

    assert told(program, until=START + DAY - HOUR)[-1] == ("wait day", START)
    assert told(program, until=START + DAY)[-1] == ("completed", START + DAY)
    assert told((wait("long", days=1000), HELLO))[-1] == ("wait long", START)


HAPPENS = st.builds(
    lambda after, name: Fact("custom", START + after, name=name),
    st.timedeltas(timedelta(seconds=1), timedelta(days=20)),
    st.sampled_from(EVENTS),
)


@settings(deadline=None)  # a busy machine is no counterexample
@given(programs(), st.lists(HAPPENS, max_size=4), st.sampled_from([(), (OFFICE,)]))
def test_a_simulation_goes_the_way_of_its_program_and_always_the_same(program, events, windows):
    profile = Profile(values={"time_zone": "Europe/Berlin", "day": "2000-03-30"}, lists=NEWS)
    terms = Terms(windows=windows, workspace_id=1)

    entries = simulate(program, profile, events, START, terms=terms)

    assert entries == simulate(program, profile, events[::-1], START, terms=terms)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert entries[-1].kind in ("completed", "exited")
    emails = [entry for entry in entries if entry.kind == "email"]
    assert all(next_open(windows, entry.at, BERLIN) == entry.at for entry in emails)
    assert len({entry.step_key for entry in emails}) == len(emails), "no message comes twice"
    taken = {entry.step_key: entry.arm for entry in entries if entry.arm}
    steps = [*way(program.steps, taken)]
    came = {entry.step_key: entry.at for entry in reversed(entries)}
    for number, key in enumerate(steps, start=1):
        step = program.at(key)
        if isinstance(step, WaitStep) and isinstance(step.wait, Delay):
            over = came[key] + step.wait.length
            assert all(came[after] >= over for after in steps[number:]), "nothing comes early"
            assert entries[-1].at >= over
    assert [entry.step_key for entry in emails] == [key for key in steps if key in program.emails]
    met = [e.step_key for e in entries if e.step_key and not (e.arm and e.kind == "wait_until")]
    assert sorted(met) == sorted(steps)
