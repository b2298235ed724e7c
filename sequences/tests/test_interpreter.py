from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sequences import interpreter
from sequences.interpreter import LOOK_AGAIN
from sequences.passes import Enter, Facts, Outcome, Queue
from sequences.program import EmailStep, Program, WaitStep
from sequences.schedule import Delay

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HELLO, REST, TIPS = EmailStep("hello", 1), WaitStep("rest", Delay(DAY)), EmailStep("tips", 2)
WELCOME = Program((HELLO, REST, TIPS))


def stands(position, due_at, *, entered=(), awaits="", ended=False):
    effects = []
    for step in entered:
        effects.append(Enter(step))
        if isinstance(step, EmailStep):
            effects.append(Queue(step, NOW, "", step.template_version_id))
    return Outcome(position, due_at, NOW, tuple(effects), awaits, ended)


@pytest.mark.parametrize(
    ("position", "facts", "expected"),
    [
        pytest.param(
            "",
            Facts(NOW),
            stands("rest", NOW + DAY, entered=(HELLO, REST)),
            id="the start queues the first message and comes to the wait",
        ),
        pytest.param(
            "rest",
            Facts(NOW - DAY + MINUTE, left_at={"hello": NOW - DAY + MINUTE}),
            stands("rest", NOW + MINUTE),
            id="asked too early, it stays",
        ),
        pytest.param(
            "rest",
            Facts(NOW - DAY, left_at={"hello": NOW - DAY + HOUR}),
            stands("rest", NOW + HOUR),
            id="the message left later than assumed, so the wait ends later",
        ),
        pytest.param(
            "rest",
            Facts(NOW - DAY, left_at={"hello": NOW - DAY - HOUR}),
            stands("tips", NOW + LOOK_AGAIN, entered=(TIPS,), awaits="tips"),
            id="clocks that disagree change nothing",
        ),
        pytest.param(
            "rest",
            Facts(NOW - DAY, unfinished={"hello": NOW - DAY}),
            stands("rest", NOW + LOOK_AGAIN, awaits="hello"),
            id="the wait is over but the message has not left",
        ),
        pytest.param(
            "rest",
            Facts(NOW - DAY + HOUR, unfinished={"hello": NOW - DAY}),
            stands("rest", NOW + HOUR),
            id="neither is the wait over nor has the message left",
        ),
        pytest.param(
            "rest",
            Facts(NOW - DAY, left_at={"hello": NOW - DAY}, unfinished={"hello": NOW - DAY}),
            stands("tips", NOW + LOOK_AGAIN, entered=(TIPS,), awaits="tips"),
            id="a message in doubt does not hold up the next one",
        ),
        pytest.param(
            "rest",
            Facts(NOW - 400 * DAY),
            stands("tips", NOW + LOOK_AGAIN, entered=(TIPS,), awaits="tips"),
            id="the message is forgotten, so the wait counts from its own beginning",
        ),
        pytest.param(
            "tips",
            Facts(NOW - HOUR, unfinished={"tips": NOW - HOUR}),
            stands("tips", NOW + LOOK_AGAIN, awaits="tips"),
            id="the last message has not left",
        ),
        pytest.param(
            "tips",
            Facts(NOW - HOUR, left_at={"tips": NOW}, unfinished={"hello": NOW - DAY}),
            stands("tips", NOW + LOOK_AGAIN, awaits="hello"),
            id="an earlier message has not left",
        ),
        pytest.param(
            "tips",
            Facts(NOW - HOUR, left_at={"tips": NOW}, unfinished={"tips": NOW - HOUR}),
            stands("tips", NOW + LOOK_AGAIN, awaits="tips"),
            id="a last message in doubt keeps the run open",
        ),
        pytest.param(
            "tips",
            Facts(NOW - HOUR, left_at={"tips": NOW}),
            stands("tips", NOW, ended=True),
            id="the last message has left",
        ),
    ],
)
def test_one_pass(position, facts, expected):
    outcome = interpreter.run(WELCOME, position, facts, NOW)

    assert replace(outcome, entered_at=NOW) == expected
    assert outcome.entered_at == (NOW if expected.effects else facts.entered_at)


def test_a_wait_at_the_start_counts_from_when_what_let_the_run_in_happened():
    late = Program((REST, HELLO))

    assert interpreter.run(late, "", Facts(NOW - HOUR), NOW) == Outcome(
        "rest", NOW - HOUR + DAY, NOW - HOUR, (Enter(REST),)
    )
    for position in ("", "rest"):
        outcome = interpreter.run(late, position, Facts(NOW - DAY), NOW)
        assert (outcome.position, outcome.entered_at) == ("hello", NOW)


def test_a_second_wait_counts_from_when_it_was_entered():
    more = WaitStep("more", Delay(HOUR))
    patient = Program((HELLO, REST, more, TIPS))
    facts = Facts(NOW - DAY, left_at={"hello": NOW - DAY})

    outcome = interpreter.run(patient, "rest", facts, NOW)

    assert outcome == stands("more", NOW + HOUR, entered=(more,))
    facts = Facts(NOW - HOUR + MINUTE, left_at={"hello": NOW})
    assert interpreter.run(patient, "more", facts, NOW).due_at == NOW + MINUTE


def test_emails_in_a_row_are_queued_together():
    both = Program((HELLO, TIPS))

    assert interpreter.run(both, "", Facts(NOW), NOW) == stands(
        "tips", NOW + LOOK_AGAIN, entered=(HELLO, TIPS), awaits="tips"
    )


def test_an_empty_program_ends_at_once():
    assert interpreter.run(Program(()), "", Facts(NOW), NOW) == stands("", NOW, ended=True)


def test_a_wait_at_the_end_ends_the_run_when_it_is_over():
    idle = Program((HELLO, REST))
    facts = Facts(NOW - DAY, left_at={"hello": NOW - DAY})

    assert interpreter.run(idle, "rest", facts, NOW) == Outcome("rest", NOW, NOW - DAY, ended=True)


def test_a_position_of_another_program_is_refused():
    with pytest.raises(KeyError, match="no step 'elsewhere'"):
        interpreter.run(WELCOME, "elsewhere", Facts(NOW), NOW)
