from __future__ import annotations

import json
from datetime import time, timedelta

import pytest
from hypothesis import given, settings

from emailseq.lib.errors import Invalid
from sequences import actions, conditions, program
from sequences.actions import (
    AddList,
    AddTag,
    CallWebhook,
    Enroll,
    Notify,
    Remove,
    RemoveList,
    RemoveTag,
    SetField,
)
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
from sequences.tests.programs import PROGRAMS
from subscribers.segments.comparisons import Comparison, Entry
from subscribers.segments.rules import Property, Tagged

DAY = timedelta(days=1)


def wait(key):
    return WaitStep(key, Delay(DAY))


CART = EventHappens("order_placed", (Property("cart", Comparison("is", Entry("cart"))),))
VIP = RuleHolds(Tagged("tag_1", has=True))
NESTED = Program(
    (
        EmailStep("hello", 1),
        BranchStep(
            "who",
            (
                Arm("vip", (EmailStep("gift", 2), wait("rest")), when=VIP, name="Our best"),
                Arm("else", (SplitStep("half", (Arm("a", (EmailStep("tips", 3),)), Arm("b"))),)),
            ),
        ),
        wait("pause"),
        WaitUntilStep(
            "order",
            (Arm("bought", (EmailStep("thanks", 4),), when=CART), Arm("timeout")),
            timeout=DAY,
        ),
        wait("last"),
    )
)


def test_steps_come_in_the_order_of_the_page():
    assert [step.key for step in NESTED] == [
        *("hello", "who", "gift", "rest", "half", "tips"),
        *("pause", "order", "thanks", "last"),
    ]
    assert NESTED.emails == ("hello", "gift", "tips", "thanks")


@pytest.mark.parametrize(
    ("position", "following"),
    [
        ("", "hello"),
        ("hello", "who"),
        ("gift", "rest"),
        ("rest", "pause"),
        ("who", "pause"),
        ("tips", "pause"),
        ("half/b", "pause"),
        ("half", "pause"),
        ("order/timeout", "last"),
        ("thanks", "last"),
        ("last", None),
    ],
)
def test_what_follows_a_position(position, following):
    step = NESTED.after(position)

    assert (step and step.key) == following


def test_a_position_is_a_step():
    assert NESTED.at("tips") == EmailStep("tips", 3)
    assert NESTED.at("") is None
    assert NESTED.at("half/b") is None, "who went through an empty arm stands at no step"
    for ask in (NESTED.at, NESTED.after):
        with pytest.raises(KeyError, match="no step 'nowhere'"):
            ask("nowhere")


def test_an_arm_has_a_name():
    assert NESTED.arm("who/vip").name == "Our best"
    for ref in ("who/vop", "hello/vip", "nowhere/vip", "who"):
        with pytest.raises(KeyError):
            NESTED.arm(ref)


@pytest.mark.parametrize(
    ("key", "emails"),
    [
        ("hello", set()),
        ("who", {"hello"}),
        ("rest", {"hello", "gift"}),
        ("tips", {"hello"}),
        ("pause", {"hello", "tips"}),
        ("order", set()),
        ("thanks", set()),
        ("last", {"thanks"}),
    ],
)
def test_which_emails_may_come_just_before_a_step(key, emails):
    assert NESTED.emails_just_before(NESTED.at(key)) == emails


def test_a_message_before_a_wait_until_is_not_just_before_what_stands_in_its_arms():
    until = WaitUntilStep("until", (Arm("it", (wait("rest"),), when=VIP), Arm("timeout")), DAY)
    program = Program((EmailStep("hello", 1), until, wait("last")))

    just_before = {step.key: program.emails_just_before(step) for step in program}

    assert just_before == {"hello": set(), "until": {"hello"}, "rest": set(), "last": set()}


EVERYTHING = Program(
    (
        EmailStep("mail", 1),
        EmailStep("test", 1, (Variant("a", 1, 1), Variant("b", 3, 2)), thread="mail"),
        WaitStep("w1", Delay(timedelta(minutes=90))),
        WaitStep("w2", UntilTime(time(9, 30))),
        WaitStep("w3", UntilWeekday(frozenset({1, 5}), time(9))),
        WaitStep("w4", UntilDate("renewal", timedelta(days=-5), time(9), yearly=True)),
        WaitUntilStep(
            "until",
            (
                Arm("bought", (ExitStep("out", "bought"),), when=CART),
                Arm("said", when=Replies()),
                Arm("saw", when=Engages("opened", "mail")),
                Arm("went", when=Engages("clicked")),
                Arm("is", when=VIP),
                Arm("timeout"),
            ),
            timedelta(hours=1),
        ),
        SplitStep("split", (Arm("a", weight=2), Arm("b", weight=1, name="Half as many"))),
        *(
            ActionStep(f"a{number}", action)
            for number, action in enumerate(
                [
                    AddTag("tag_1"),
                    RemoveTag("tag_1"),
                    AddList("lst_1"),
                    RemoveList("lst_1"),
                    SetField("plan", "pro"),
                    SetField("plan", None),
                    SetField("count", 3),
                    SetField("member", True),
                    Enroll("seq_1"),
                    Remove("seq_1"),
                    CallWebhook("whe_1"),
                    Notify("sales@example.com", "A reply"),
                ]
            )
        ),
    )
)


@settings(deadline=None)  # a busy machine is no counterexample
@given(PROGRAMS)
def test_a_program_survives_freezing(made):
    assert program.load(json.loads(json.dumps(program.freeze(made)))) == made


def test_a_program_with_everything_survives_freezing():
    assert program.load(json.loads(json.dumps(program.freeze(EVERYTHING)))) == EVERYTHING


def test_a_program_is_plain_json():
    assert program.freeze(Program(NESTED.steps[1:3])) == {
        "steps": [
            {
                "kind": "branch",
                "key": "who",
                "arms": [
                    {
                        "key": "vip",
                        "name": "Our best",
                        "when": {"rule": {"tag": "tag_1", "op": "has"}},
                        "weight": 0,
                        "steps": [
                            {"kind": "email", "key": "gift", "template_version_id": 2},
                            {"kind": "wait", "key": "rest", "seconds": 86400.0},
                        ],
                    },
                    {
                        "key": "else",
                        "name": "",
                        "when": None,
                        "weight": 0,
                        "steps": [
                            {
                                "kind": "split",
                                "key": "half",
                                "arms": [
                                    {
                                        "key": "a",
                                        "name": "",
                                        "when": None,
                                        "weight": 0,
                                        "steps": [
                                            {
                                                "kind": "email",
                                                "key": "tips",
                                                "template_version_id": 3,
                                            }
                                        ],
                                    },
                                    {
                                        "key": "b",
                                        "name": "",
                                        "when": None,
                                        "weight": 0,
                                        "steps": [],
                                    },
                                ],
                            }
                        ],
                    },
                ],
            },
            {"kind": "wait", "key": "pause", "seconds": 86400.0},
        ]
    }


def test_what_the_first_release_froze_still_loads():
    frozen = {
        "steps": [
            {"kind": "email", "key": "hello", "template_version_id": 1},
            {"kind": "wait", "key": "rest", "seconds": 5400.0},
        ]
    }

    assert program.load(frozen) == Program(
        (EmailStep("hello", 1), WaitStep("rest", Delay(timedelta(minutes=90))))
    )
    assert program.freeze(program.load(frozen)) == frozen


@pytest.mark.parametrize(
    ("frozen", "error"),
    [
        ({}, KeyError),
        ({"steps": [{"kind": "email", "key": "a"}]}, KeyError),
        ({"steps": [{"kind": "dance", "key": "a"}]}, ValueError),
        ({"steps": [{"kind": "wait", "key": "a"}]}, Invalid),
        ({"steps": [{"kind": "action", "key": "a", "action": {"kind": "dance"}}]}, Invalid),
        ({"steps": [{"kind": "split", "key": "a", "arms": []}]}, ValueError),
        (
            {"steps": [{"kind": "branch", "key": "a", "arms": [{"key": "b", "steps": []}]}]},
            ValueError,
        ),
    ],
)
def test_what_is_no_program_is_refused(frozen, error):
    with pytest.raises(error):
        program.load(frozen)


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ([], "/when"),
        ({}, "/when"),
        ({"event": ""}, "/when/event"),
        ({"event": "x", "where": []}, "/when/where"),
        ({"event": "x", "where": [{"property": "y", "op": "is"}]}, "/when/where/0/value"),
        ({"event": "x", "when": 1}, "/when/when"),
        ({"reply": False}, "/when/reply"),
        ({"opened": ""}, "/when/opened"),
        ({"clicked": False}, "/when/clicked"),
        ({"clicked": True, "opened": True}, "/when/clicked"),
        ({"rule": {}}, "/when/rule"),
        ({"rule": {"all": []}}, "/when/rule/all"),
    ],
)
def test_what_is_no_condition_is_refused(data, pointer):
    with pytest.raises(Invalid) as refusal:
        conditions.parse(data, at="/when")

    assert [error.pointer for error in refusal.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (7, "/action"),
        ({}, "/action/kind"),
        ({"kind": "ad_tag"}, "/action/kind"),
        ({"kind": "add_tag"}, "/action/tag"),
        ({"kind": "add_tag", "tag": 5}, "/action/tag"),
        ({"kind": "add_tag", "tag": "a", "list": "b"}, "/action/list"),
        ({"kind": "set_field", "field": "plan"}, "/action/value"),
        ({"kind": "set_field", "field": "plan", "value": {}}, "/action/value"),
        ({"kind": "set_field", "field": "plan", "value": "\0"}, "/action/value"),
    ],
)
def test_what_is_no_action_is_refused(data, pointer):
    with pytest.raises(Invalid) as refusal:
        actions.parse(data, at="/action")

    assert [error.pointer for error in refusal.value.errors] == [pointer]
