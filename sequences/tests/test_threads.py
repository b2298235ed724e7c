from __future__ import annotations

import email
from datetime import timedelta

import pytest

from emailseq.lib import clock
from sequences import engine
from sequences.tests.factories import DAY, consume, make_runs
from sequences.tests.living import A_DAY, HELLO, TIPS, make_playing

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_a_follow_up_stands_in_the_thread_of_the_mail_before_it(wire):
    live = make_playing(HELLO, A_DAY, {**TIPS, "thread": "hello"})
    make_runs(live, 2)
    start = clock.db_now()
    engine.advance()
    assert wire.send() == 2
    consume()
    with clock.frozen(start + DAY + timedelta(hours=1)):
        engine.advance()
        assert wire.send() == 2

    mails = [email.message_from_bytes(data) for data in wire.mails]
    first = {mail["To"]: mail["Message-ID"] for mail in mails[:2]}
    assert len({*first.values()}) == 2
    assert [mail["In-Reply-To"] for mail in mails[:2]] == [None, None]
    for follow_up in mails[2:]:
        assert follow_up["In-Reply-To"] == follow_up["References"] == first[follow_up["To"]]
        assert follow_up["Message-ID"] not in first.values()
