"""What servers say, and what it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.bounces import Action
from delivery.bounces.phrases import one_of
from delivery.bounces.refusal import Refusal, plain, refusals, stage_of
from delivery.bounces.rules import Cause, judge


def said():
    """The lines of refusals.txt, each with the action it stands under."""
    action = None
    for line in Path(__file__).with_name("refusals.txt").read_text(encoding="utf-8").split("\n"):
        if line.startswith("["):
            action = line.strip("[]")
        elif action and line:
            yield action, line


def judged(text, *, status="", stage="", quoted=False):
    """The first telling reading, as for a report without more text."""
    causes = [judge(each) for each in refusals(text, status=status, stage=stage, quoted=quoted)]
    return next((cause for cause in causes if not cause.vague), causes[0])


@pytest.mark.parametrize(("action", "text"), list(said()))
def test_what_is_said_to_the_recipients_name_has_its_action(action, text):
    stage = stage_of(text) or "rcpt"

    assert judged(text, stage=stage).action == action


@pytest.mark.parametrize(
    ("text", "status", "stage", "quoted", "cause"),
    [
        # "unknown" alone is no proof when others say it, or when they had taken the recipient
        ("550 user unknown", "", "", False, Cause.UNWANTED),
        ("550 user unknown", "", "rcpt", False, Cause.UNKNOWN_RECIPIENT),
        ("550 user unknown", "", "data", False, Cause.UNWANTED),
        ("550 user unknown", "5.1.1", "data", False, Cause.UNKNOWN_RECIPIENT),
        ("550 5.1.1 user unknown", "", "data", False, Cause.UNKNOWN_RECIPIENT),
        ("550 <ada@example.net>: user unknown", "", "", False, Cause.UNKNOWN_RECIPIENT),
        ("550 user unknown (in reply to RCPT TO command)", "", "", False, Cause.UNKNOWN_RECIPIENT),
        ("550 user unknown (in reply to end of DATA command)", "", "", False, Cause.UNWANTED),
        ("user unknown", "", "", False, Cause.UNKNOWN_RECIPIENT),
        ("user unknown", "", "", True, Cause.UNWANTED),
        (
            "554 this user doesn't have an example.com account",
            "",
            "data",
            True,
            "unknown_recipient",
        ),
        # codes without words, words without codes
        ("", "5.1.1", "", False, Cause.UNKNOWN_RECIPIENT),
        ("", "5.1.2", "", False, Cause.UNKNOWN_HOST),
        ("", "5.2.1", "", False, Cause.DISABLED),
        ("", "5.2.2", "", False, Cause.MAILBOX_FULL),
        ("", "5.7.1", "", False, Cause.POLICY),
        ("", "4.4.7", "", False, Cause.EXPIRED),
        ("", "4.2.1", "", False, Cause.DEFERRED),
        ("", "5.0.0", "", False, Cause.REFUSED),
        ("", "", "", False, Cause.UNDECIDED),
        ("something happened", "", "", False, Cause.UNDECIDED),
        # the code that tells most counts, in the reply before the report
        ("550 5.0.0 no", "5.2.2", "", False, Cause.MAILBOX_FULL),
        ("550 5.2.2 no", "5.0.0", "", False, Cause.MAILBOX_FULL),
        ("550 5.1.0 Unknown address error 550-'5.1.1 no'", "5.0.0", "", False, "unknown_recipient"),
        ("552 5.2.2 no", "5.1.1", "", False, Cause.MAILBOX_FULL),
        # whoever is refused before RCPT is us
        ("550 no", "", "session", False, Cause.POLICY),
        ("550 user unknown", "", "session", False, Cause.POLICY),
        ("552 5.3.4 too big", "", "session", False, Cause.SIZE),
        ("501 what", "", "session", False, Cause.PROTOCOL),
        ("450 later", "", "session", False, Cause.DEFERRED),
    ],
)
def test_codes_stages_and_words_decide_together(text, status, stage, quoted, cause):
    assert judged(text, status=status, stage=stage, quoted=quoted) == cause


def test_no_code_alone_is_a_hard_bounce_but_those_that_say_nobody():
    codes = [0, 421, 450, 500, 550, 551, 552, 553, 554, 599]
    enhanced = ["", *(f"{a}.{b}.{c}" for a in (4, 5) for b in range(8) for c in range(31))]

    hard = {
        each
        for code in codes
        for each in enhanced
        if judge(Refusal(code, each, "", "rcpt")).action is Action.SUPPRESS
    }

    assert hard == {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"}


@pytest.mark.parametrize("enhanced", ["5.1.1", "5.0.0", ""])
@pytest.mark.parametrize(
    "words",
    [
        "refused, see spamhaus.org",
        "client host [192.0.2.1] blocked using dnsbl.example.org",
        "your ip is listed",
        "no reverse dns for 192.0.2.1",
        "sender address rejected: domain not found",
        "too many connections",
    ],
)
def test_what_is_our_fault_burns_no_address(enhanced, words):
    assert judge(Refusal(550, enhanced, words, "rcpt")).action is Action.SENDER_FAULT


def test_names_are_no_words():
    text = "550 <virus@full.example>: no, says host spam.quota.example! Who are you?"

    assert plain(text) == "550 @: no, says host @\nwho are you\n"


def test_every_cause_has_an_action_and_three_suppress():
    hard = [cause.value for cause in Cause if cause.action is Action.SUPPRESS]

    assert hard == ["unknown_recipient", "unknown_host", "moved"]


def test_a_phrase_may_go_on_on_the_next_line():
    pattern = one_of("\n    (one\n        |two) _three\n    four\n")

    assert all(map(pattern.search, ["one three", "two and three", "a four"]))
    assert not pattern.search("one\nthree")
