from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from delivery import tasks
from delivery.models import Deployment, Outbox, SendingPause, SendLedger
from delivery.services import stops
from delivery.tests.factories import queue
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from subscribers.models import Event
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def news():
    return ListFactory(name="Harbour news", workspace__slug="harbour")


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_nothing_leaves_while_all_sending_is_paused(wire, news):
    queue(make_audience(3, on=news), on=news)

    assert "paused for everybody" in run("pause_sending", "--reason", "DNS move")
    assert wire.send() == 0
    assert Outbox.objects.filter(attempts=0, lease_token=None).count() == 3

    assert "goes on for everybody" in run("resume_sending")
    assert wire.send() == 3
    kinds = list(Event.objects.filter(kind__startswith="sending").values_list("kind", flat=True))
    assert kinds == ["sending.paused", "sending.resumed"]
    assert AuditEntry.objects.get(verb="sending.paused").changes == {"reason": "DNS move"}


def test_a_paused_workspace_stops_nobody_else(wire, news):
    other = ListFactory(workspace=WorkspaceFactory(slug="other"))
    queue(make_audience(2, on=news), on=news, source_id=1)
    queue(make_audience(2, on=other), on=other, source_id=2)

    run("pause_sending", "--reason", "complaints", "--workspace", "harbour")

    assert wire.send() == 2
    assert {row.workspace.slug for row in SendLedger.objects.all()} == {"other"}
    assert "was not paused for everybody" in run("resume_sending")
    assert wire.send() == 0
    run("resume_sending", "--workspace", "harbour")
    assert wire.send() == 2


def test_a_pause_before_the_wire_mark_stops_the_message(wire, news, before_mark):
    queue(make_audience(1, on=news), on=news)
    before_mark(lambda: stops.pause_sending(reason="now", by=SYSTEM))

    assert wire.send() == 0

    assert wire.recipients == []
    row = Outbox.objects.get()
    assert (row.wire_at, row.lease_token, row.attempts) == (None, None, 0)


def test_a_pause_says_why_and_counts_once():
    assert stops.pause_sending(reason="first", by=SYSTEM)
    assert not stops.pause_sending(reason="second", by=SYSTEM)
    assert SendingPause.objects.get().reason == "first"
    with pytest.raises(Invalid):
        stops.pause_sending(reason=" ", by=SYSTEM)


def test_a_database_belongs_to_the_first_deployment_that_sends_from_it(settings):
    settings.DEPLOYMENT_ID = "live"
    assert stops.move_in() == ""

    settings.DEPLOYMENT_ID = "staging"
    assert (
        stops.move_in()
        == stops.fence()
        == ("This database belongs to the deployment “live”, and this is “staging”.")
    )
    settings.DEPLOYMENT_ID = "live"
    assert stops.fence() == ""


def test_a_restored_database_sends_nothing_until_somebody_says_so(news, monkeypatch):
    queue(make_audience(1, on=news), on=news)
    assert stops.move_in() == ""
    Deployment.objects.update(system_identifier=42)
    pumped = []
    monkeypatch.setattr(tasks.asyncio, "run", lambda job: (job.close(), pumped.append(1)))

    tasks.pump()
    assert pumped == []
    assert "was restored" in stops.fence()
    with pytest.raises(CommandError, match="Nothing was done"):
        run("release_fence")
    assert stops.fence()

    said = run("release_fence", "--yes")
    assert "1 messages are due" in said
    assert stops.fence() == ""
    tasks.pump()
    assert pumped == [1]
    assert AuditEntry.objects.filter(verb="fence.released").count() == 1
    assert "no fence" in run("release_fence")


def test_messages_in_doubt_are_listed_and_resolved(news):
    (first, second, third) = queue(make_audience(3, on=news), on=news)
    marked = {"wire_at": clock.now(), "doubt_at": clock.now(), "lease_token": news.uid}
    Outbox.objects.filter(pk__in=[first.pk, second.pk]).update(**marked)

    listed = json.loads(run("in_doubt", "list", "--json"))["messages"]
    assert [row["id"] for row in listed] == [first.pk, second.pk]
    assert run("in_doubt", "resend", "--all", "--dry-run") == "2 would be due again.\n"
    assert Outbox.objects.in_doubt().count() == 2

    assert run("in_doubt", "mark-sent", str(first.pk), str(third.pk)) == "1 counted as sent.\n"
    assert SendLedger.objects.get().outcome == "sent"
    assert run("in_doubt", "resend", "--all") == "1 due again.\n"
    assert not Outbox.objects.in_doubt().exists()
    assert Outbox.objects.filter(lease_token=None).count() == 2
    with pytest.raises(CommandError, match="say --all"):
        run("in_doubt", "resend")
