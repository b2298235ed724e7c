"""What holds all mail holds receipts, too; what is for marketing alone does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from delivery import tasks
from delivery.models import Deployment, Outbox
from delivery.services import stops
from delivery.tests.factories import queue
from delivery.tests.test_transactional import (
    ada,  # noqa: F401
    api,  # noqa: F401
    receipt,  # noqa: F401
    send,
    workspace,  # noqa: F401
)
from emailseq import env
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("whose", ["everybody", "the workspace"])
def test_a_pause_holds_it(wire, api, ada, receipt, workspace, whose):  # noqa: F811
    scope = {} if whose == "everybody" else {"workspace": workspace}
    stops.pause_sending(reason="complaints", by=SYSTEM, **scope)
    made = send(api).json()

    assert wire.send() == 0
    assert wire.mails == []
    assert api("GET", f"/messages/{made['id']}").json()["state"] == "queued"

    stops.resume_sending(by=SYSTEM, **scope)
    assert wire.send() == 1


def test_the_fence_holds_it(api, ada, receipt, monkeypatch):  # noqa: F811
    assert stops.move_in() == ""
    send(api)
    Deployment.objects.update(system_identifier=42)
    pumped = []
    monkeypatch.setattr(tasks.asyncio, "run", lambda job: (job.close(), pumped.append(1)))

    assert tasks.pump() == 0

    assert pumped == []
    assert Outbox.objects.get().attempts == 0


def test_safe_mode_withholds_it(wire, api, ada, receipt, settings):  # noqa: F811
    settings.SAFE_MODE = env.safe_mode("allow:harbour.example")
    made = send(api).json()

    assert wire.send() == 0

    assert wire.recipients == []
    shown = api("GET", f"/messages/{made['id']}").json()
    assert (shown["state"], shown["reason"]) == ("skipped", "safe mode")


def test_quiet_hours_do_not_hold_it(wire, api, ada, receipt, workspace):  # noqa: F811
    opens = clock.now() + timedelta(hours=6)
    closes = opens + timedelta(hours=6)
    workspace.awake = {"opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"}
    workspace.save(update_fields=["awake"])
    news = ListFactory(workspace=workspace)
    queue(make_audience(1, on=news), on=news)  # what is for marketing waits
    send(api)

    assert wire.send() == 1

    assert wire.recipients == [ada.email]
