from __future__ import annotations

from datetime import timedelta

import pytest

from delivery.replies import Kind, Reply, classify, next_try


def verdict_of(code, enhanced="", text="", stage="rcpt"):
    return classify(Reply(code, enhanced, text, stage))


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "kind"),
    [
        (250, "2.0.0", "Ok", Kind.ACCEPTED),
        (0, "", "the server hung up", Kind.CONNECTION),
        (354, "", "Go ahead", Kind.CONNECTION),
        (421, "4.3.2", "Closing", Kind.CONNECTION),
        (421, "4.7.0", "[TSS04] deferred due to user complaints", Kind.CONNECTION),
        (454, "4.7.0", "TLS not available", Kind.CONNECTION),
        (535, "5.7.8", "Authentication failed", Kind.CONNECTION),
        (530, "5.7.0", "Must issue a STARTTLS command first", Kind.CONNECTION),
        (451, "4.3.0", "Server error", Kind.CONNECTION),
        (450, "4.1.1", "Try again", Kind.RECIPIENT_TEMPORARY),
        (450, "4.2.1", "The user is receiving mail at too high a rate", Kind.RECIPIENT_TEMPORARY),
        (450, "", "Mailbox busy", Kind.RECIPIENT_TEMPORARY),
        (451, "4.7.1", "Please come back", Kind.RECIPIENT_TEMPORARY),
        (450, "4.7.1", "Greylisted for 300 seconds", Kind.RECIPIENT_TEMPORARY),
        (450, "4.7.1", "Client host rejected: cannot find your hostname", Kind.SENDER_TEMPORARY),
        (452, "4.2.2", "Mailbox full", Kind.SOFT_BOUNCE),
        (552, "5.2.2", "Over quota", Kind.SOFT_BOUNCE),
        (552, "", "Requested mail action aborted: quota exceeded", Kind.SOFT_BOUNCE),
        (451, "4.7.0", "Slow down", Kind.SENDER_TEMPORARY),
        (450, "4.7.28", "Unusual rate of mail", Kind.SENDER_TEMPORARY),
        (451, "", "Throttled, see TSS09", Kind.SENDER_TEMPORARY),
        (550, "5.1.1", "No such user", Kind.RECIPIENT_PERMANENT),
        (550, "5.1.10", "Recipient not found", Kind.RECIPIENT_PERMANENT),
        (553, "5.1.3", "Bad syntax", Kind.RECIPIENT_PERMANENT),
        (550, "", "<ada@example.net>: User unknown in virtual table", Kind.RECIPIENT_PERMANENT),
        (550, "5.0.0", "The account you tried does not exist", Kind.RECIPIENT_PERMANENT),
        (550, "5.2.1", "Disabled", Kind.SOFT_BOUNCE),
        (550, "", "This account is suspended", Kind.SOFT_BOUNCE),
        (550, "", "Requested action not taken", Kind.SOFT_BOUNCE),
        (550, "5.0.0", "", Kind.SOFT_BOUNCE),
        (550, "5.7.1", "Rejected", Kind.SENDER_PERMANENT),
        (550, "5.7.26", "Unauthenticated", Kind.SENDER_PERMANENT),
        (550, "5.7.515", "Access denied", Kind.SENDER_PERMANENT),
        (554, "5.7.9", "Policy reasons", Kind.SENDER_PERMANENT),
        (554, "", "Listed by Spamhaus", Kind.SENDER_PERMANENT),
        (550, "5.1.1", "Refused, see spamhaus.org", Kind.SENDER_PERMANENT),
        (450, "4.1.8", "Sender domain not found", Kind.SENDER_TEMPORARY),
        (553, "5.1.8", "Sender domain does not exist", Kind.SENDER_PERMANENT),
        (553, "5.6.7", "SMTPUTF8 needed", Kind.SENDER_PERMANENT),
        (552, "5.3.4", "Too big", Kind.CONTENT),
        (550, "5.2.3", "Too long for this mailbox", Kind.CONTENT),
        (552, "", "Message size exceeds fixed limit", Kind.CONTENT),
        (554, "5.6.0", "Malformed", Kind.CONTENT),
        (554, "", "Virus found", Kind.CONTENT),
        (503, "5.5.1", "Bad sequence", Kind.OUR_BUG),
        (501, "", "Syntax", Kind.OUR_BUG),
    ],
)
def test_the_table(code, enhanced, text, kind):
    assert verdict_of(code, enhanced, text).kind is kind


def test_only_a_dead_address_is_suppressed():
    replies = {
        Kind.ACCEPTED: (250, "2.0.0"),
        Kind.RECIPIENT_TEMPORARY: (450, "4.2.1"),
        Kind.RECIPIENT_PERMANENT: (550, "5.1.1"),
        Kind.SOFT_BOUNCE: (452, "4.2.2"),
        Kind.SENDER_TEMPORARY: (451, "4.7.0"),
        Kind.SENDER_PERMANENT: (550, "5.7.1"),
        Kind.CONTENT: (552, "5.3.4"),
        Kind.CONNECTION: (421, "4.3.2"),
        Kind.OUR_BUG: (503, "5.5.1"),
    }

    verdicts = [verdict_of(*reply) for reply in replies.values()]

    assert [verdict.kind for verdict in verdicts] == list(replies)
    assert [verdict.kind for verdict in verdicts if verdict.suppress] == [Kind.RECIPIENT_PERMANENT]


@pytest.mark.parametrize("stage", ["connect", "tls", "ehlo", "auth"])
def test_a_refused_session_says_nothing_about_the_recipient(stage):
    verdict = verdict_of(550, "5.1.1", "User unknown", stage=stage)

    assert (verdict.kind, verdict.suppress) == (Kind.CONNECTION, False)


def test_every_code_gets_a_verdict():
    codes = range(600)

    assert {type(verdict_of(code).kind) for code in codes} == {Kind}


@pytest.mark.parametrize(
    ("attempt", "minutes"), [(1, 5), (2, 20), (3, 60), (4, 180), (5, 360), (6, 720), (50, 720)]
)
def test_tries_grow_apart_and_spread_by_a_fifth(attempt, minutes):
    assert next_try(attempt, jitter=0.5) == timedelta(minutes=minutes)
    assert next_try(attempt, jitter=0.0) == timedelta(minutes=minutes) * 0.8
    assert next_try(attempt, jitter=0.999) < timedelta(minutes=minutes) * 1.2


def test_a_reply_reads_like_it_was_said():
    assert str(Reply(550, "5.1.1", "No such user", "rcpt")) == "550 5.1.1 No such user"
    assert str(Reply(0, "", "the server hung up", "dot")) == "the server hung up"
