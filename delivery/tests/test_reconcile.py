from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from delivery import services
from delivery.models import Lease, Outbox, SendLedger
from delivery.reconcile import check_journal, check_rows
from delivery.tests.factories import queue
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def history(wire):
    """Three messages sent; how the journal reads, and a way to rewrite it."""
    news = ListFactory()
    queue(make_audience(3, on=news), on=news)
    assert wire.send() == 3
    return wire


def rewrite(history, entries):
    history.path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


def findings(history):
    return [(found.invariant, found.sentence) for found in check_journal(history.path)]


def test_a_clean_history_has_no_findings(history):
    assert findings(history) == []
    assert list(check_rows()) == []


def test_a_refusal_in_the_journal_is_no_arrival(history):
    first = {**history.journal[0], "code": 451}
    rewrite(history, [first, *history.journal])

    assert findings(history) == []


def test_a_message_that_arrived_twice_is_named(history):
    first, *_ = entries = history.journal
    rewrite(history, [*entries, first])

    name = first["message_id"]
    assert findings(history) == [("I2", f"1 messages arrived twice in silence, e.g. {name}.")]


def test_a_message_that_never_arrived_is_counted(history):
    rewrite(history, history.journal[1:])

    assert findings(history) == [("I3", "1 messages count as sent and never arrived.")]


def test_an_arrival_that_nobody_knows_of_is_counted(history):
    stranger = {**history.journal[0], "message_id": "<stranger@harbour.example>"}
    rewrite(history, [*history.journal, stranger])

    assert findings(history) == [("I3", "1 messages arrived and are not known as sent.")]


def test_an_arrival_in_doubt_is_known(history):
    make_doubtful(SendLedger.objects.first())

    assert findings(history) == []


def test_a_repeat_that_somebody_asked_for_is_not_silent(history):
    doubtful = make_doubtful(SendLedger.objects.first())
    assert services.resolve_in_doubt(doubtful, as_sent=False, by=SYSTEM)
    assert history.send() == 1

    assert len(history.journal) == 4
    assert findings(history) == []


def test_a_message_in_both_tables_is_found(history):
    sent = SendLedger.objects.first()
    make_queued(sent, wire_at=None)

    (found,) = check_rows()
    assert found == ("I1", "1 messages are in the outbox and in the ledger.")


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (timedelta(seconds=90), [("I6", "1 rows carry a lease that ended over a minute ago.")]),
        (timedelta(seconds=30), []),  # the reaper still has time
    ],
)
def test_a_row_that_nobody_reaps_is_found(history, ended, expected):
    sent = SendLedger.objects.first()
    lease = Lease.objects.create(
        token=uuid.uuid4(), worker="somewhere:1", until=clock.now() - ended
    )
    make_queued(sent, lease_token=lease.token)
    SendLedger.objects.filter(pk=sent.pk).delete()

    assert list(check_rows()) == expected


def make_queued(sent, **columns):
    """The outbox row that became this row of the ledger."""
    shared = {field.attname for field in Outbox._meta.fields} - {"run_at", "last_reply"}
    known = {name: value for name, value in vars(sent).items() if name in shared}
    return Outbox.objects.create(**{**known, "run_at": sent.queued_at, **columns})


def make_doubtful(sent):
    """As if the pump had died between the reply and its settlement."""
    SendLedger.objects.filter(pk=sent.pk).delete()
    return make_queued(sent, lease_token=uuid.uuid4(), doubt_at=sent.wire_at)
