from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from delivery.replies import Reply
from delivery.settlement import LAST_TRY, Settlement
from delivery.transports.smtp import Result, WireOutcome

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def judged(outcome, code=0, enhanced="", text="", *, attempts=1):
    settlement = Settlement()
    result = Result(7, outcome, Reply(code, enhanced, text, "rcpt"))
    settlement.judge(result, attempts=attempts, now=NOW, jitter=0.5)
    return settlement


def test_accepted_is_sent():
    settlement = judged(WireOutcome.ACCEPTED, 250, "2.0.0", "queued")

    assert settlement.finished == [(7, "sent", "", "250 2.0.0 queued")]
    assert (settlement.back, settlement.doubtful, settlement.failures) == ([], [], {})


def test_no_answer_after_the_dot_is_in_doubt_and_nothing_else():
    settlement = judged(WireOutcome.IN_DOUBT, text="connection lost")

    assert settlement.doubtful == [(7, "connection lost")]
    assert (settlement.finished, settlement.back) == ([], [])


def test_unsent_is_due_at_once_and_not_charged():
    assert judged(WireOutcome.UNSENT).back == [(7, NOW, 1, "", "")]


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "wait", "refund"),
    [
        (450, "4.2.1", "busy", timedelta(minutes=5), 0),
        (451, "4.7.1", "greylisted, try again", timedelta(minutes=5), 0),
        (421, "4.3.2", "shutting down", timedelta(minutes=1), 1),
        (451, "4.7.28", "too fast", timedelta(minutes=1), 1),
    ],
)
def test_a_deferral_goes_back_with_the_try_charged_to_whom_it_belongs(
    code, enhanced, text, wait, refund
):
    ((_, run_at, refunded, _, _),) = judged(WireOutcome.REFUSED, code, enhanced, text).back

    assert (run_at - NOW, refunded) == (wait, refund)


@pytest.mark.parametrize(
    ("age", "wait"),
    [(timedelta(minutes=5), timedelta(minutes=1)), (timedelta(hours=10), timedelta(hours=1))],
)
def test_what_is_never_counted_is_tried_ever_less_often(age, wait):
    settlement = Settlement()
    result = Result(7, WireOutcome.REFUSED, Reply(451, "4.7.28", "too fast", "rcpt"))

    settlement.judge(result, attempts=1, now=NOW, jitter=0.5, age=age)

    [(_, run_at, refunded, *_)] = settlement.back
    assert (run_at - NOW, refunded) == (wait, 1)


def test_the_last_deferral_fails():
    settlement = judged(WireOutcome.REFUSED, 450, "4.2.1", "busy", attempts=LAST_TRY)

    ((_, outcome, _, _),) = settlement.finished
    assert (outcome, settlement.failures) == ("failed", {})


def test_nobody_there_fails_and_suppresses():
    settlement = judged(WireOutcome.REFUSED, 550, "5.1.1", "user unknown")

    ((_, outcome, _, _),) = settlement.finished
    assert (outcome, settlement.failures) == ("failed", {7: "hard"})


def test_a_blocklist_fails_and_suppresses_nobody():
    settlement = judged(WireOutcome.REFUSED, 550, "5.7.1", "blocked by the blocklist")

    ((_, outcome, _, _),) = settlement.finished
    assert (outcome, settlement.failures) == ("failed", {})


def test_a_reply_with_nul_can_be_stored():
    ((_, _, _, reply),) = judged(WireOutcome.ACCEPTED, 250, "", "o\0k").finished

    assert reply == "250 ok"


def test_statements_name_only_what_there_is_to_write():
    settlement = judged(WireOutcome.ACCEPTED, 250, "", "ok")

    assert settlement.statements() == [
        ("finish", {"ids": [7], "outcomes": ["sent"], "reasons": [""], "replies": ["250 ok"]})
    ]
    assert settlement.ids == [7]
    assert Settlement().statements() == []


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "failures"),
    [
        (552, "5.3.4", "too large", {7: "content"}),
        (550, "5.2.1", "disabled", {}),
        (550, "5.7.1", "on our blocklist", {}),
    ],
)
def test_only_what_speaks_against_the_source_is_held_against_it(code, enhanced, text, failures):
    assert judged(WireOutcome.REFUSED, code, enhanced, text).failures == failures


def test_the_lane_hears_one_letter_for_each_answer_and_one_for_a_lost_session():
    settlement = Settlement()
    for number, (outcome, code, enhanced) in enumerate(
        [
            (WireOutcome.ACCEPTED, 250, "2.0.0"),
            (WireOutcome.REFUSED, 550, "5.1.1"),
            (WireOutcome.REFUSED, 550, "5.7.1"),
            (WireOutcome.IN_DOUBT, 0, ""),
            (WireOutcome.UNSENT, 0, ""),
            (WireOutcome.UNSENT, 0, ""),
        ]
    ):
        reply = Reply(code, enhanced, "so it says", "dot")
        settlement.judge(Result(number, outcome, reply), attempts=1, now=NOW, jitter=0.5)

    assert (settlement.answers, settlement.decided_count) == ("..pc", 4)
    assert settlement.why == "so it says"
