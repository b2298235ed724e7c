from __future__ import annotations

import json
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from analytics.models import Rollup
from analytics.tests.factories import catch_up
from campaigns import engine
from campaigns.models import Campaign
from campaigns.tests.factories import finish_messages, make_sending
from delivery.models import SendLedger
from delivery.tests.wire import Wire

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def history(tmp_path):
    """A campaign to three people, sent and counted."""
    make_sending(3)
    engine.fill()
    wire = Wire(tmp_path)
    assert wire.send() == 3
    assert engine.finish() == 1
    catch_up()
    return wire


def reconcile(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        call_command("reconcile", *arguments)
    return left.value.code, capsys.readouterr().out.strip()


def test_a_clean_history_exits_0(history, capsys):
    assert reconcile(capsys, "--journal", str(history.path)) == (0, "Drift: none.")


def test_a_loss_exits_1_and_says_so(history, capsys):
    lines = history.path.read_text().splitlines(keepends=True)
    history.path.write_text("".join(lines[1:]))

    code, said = reconcile(capsys, "--journal", str(history.path))

    assert (code, said) == (
        1,
        "I3: 1 messages count as sent and never arrived.\nFindings: 1.",
    )


def test_a_duplicate_exits_1_and_names_it(history, capsys):
    first = history.path.read_text().splitlines(keepends=True)[0]
    with history.path.open("a") as journal:
        journal.write(first)

    code, said = reconcile(capsys, "--journal", str(history.path), "--json")

    name = json.loads(first)["message_id"]
    sentence = f"1 messages arrived twice in silence, e.g. {name}."
    assert code == 1
    assert json.loads(said) == {"findings": [{"invariant": "I2", "sentence": sentence}]}


def test_drift_exits_1_until_the_rollups_are_rebuilt(history, capsys):
    Rollup.objects.filter(kind="message.sent").update(count=F("count") + 1)

    code, said = reconcile(capsys)
    assert code == 1
    assert said.startswith("I5: message.sent of campaign")
    assert "4 (0 first) in rollups, not 3 (0 first)." in said

    assert reconcile(capsys, "--rebuild") == (0, "Drift: none.")


def test_a_recipient_without_an_outcome_exits_1(history, capsys):
    campaign = Campaign.objects.get()
    Campaign.objects.update(recipient_count=4)

    code, said = reconcile(capsys)

    assert (code, said) == (1, f"I9: {campaign.public_id} counts 4, has 3.\nFindings: 1.")
    assert SendLedger.objects.count() == 3


def test_a_message_that_moves_while_it_is_counted_is_no_finding(capsys):
    campaign = make_sending(2)
    engine.fill()
    moved = []

    def move():
        finish_messages(campaign, "sent")
        connection.close()

    def between_the_counts(execute, sql, *rest):
        if "COUNT(*)" in sql and '"delivery_outbox"' in sql and not moved:
            moved.append(Thread(target=move))
            moved[0].start()
            moved[0].join()
        return execute(sql, *rest)

    with connection.execute_wrapper(between_the_counts):
        assert reconcile(capsys) == (0, "Drift: none.")

    assert moved
    assert SendLedger.objects.count() == 1


def test_a_journal_that_is_not_there_is_no_finding():
    with pytest.raises(CommandError, match="There is no such journal") as refused:
        call_command("reconcile", "--journal", "/nowhere/journal.jsonl")

    assert refused.value.returncode == 2
