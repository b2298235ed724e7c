"""Pages of one floor that tell what floors above it hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import sign_in
from campaigns.tests.factories import CampaignFactory
from delivery.models import Outbox
from delivery.services.stops import pause_sending, resume_sending
from delivery.tests.factories import queue
from emailseq.lib import clock
from sequences.tests.factories import EMAIL, make_live
from subscribers import events
from subscribers.events import NewEvent
from subscribers.tests.factories import ListFactory, SubscriberFactory
from templates_app.models import Template
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


def url(page: str, template: Template) -> str:
    return reverse(f"admin:templates_app_template_{page}", args=[template.pk])


def test_who_sends_a_template_is_listed():
    client = sign_in()
    unused = TemplateFactory(workspace=client.workspace)
    sequence = make_live(EMAIL, workspace=client.workspace, name="Welcome")
    sent = sequence.steps.get().template
    CampaignFactory(workspace=client.workspace, name="May news", template=sent)

    page = client.get(url("used", sent)).content.decode()

    assert "Welcome" in page
    assert "May news" in page
    assert "No sequence sends it." in client.get(url("used", unused)).content.decode()


def test_what_waits_is_told_on_their_own_clock_with_what_holds_it_up():
    client = sign_in()
    ada = SubscriberFactory(workspace=client.workspace, time_zone="Asia/Tokyo")
    queue([ada], on=ListFactory(workspace=client.workspace), source_id=7)
    due = datetime(2031, 5, 1, 23, 30, tzinfo=UTC)
    Outbox.objects.update(run_at=due)
    url = reverse("admin:subscribers_subscriber_change", args=[ada.pk])

    told = client.get(url).content.decode()
    pause_sending(reason="moving house", by=SYSTEM)
    paused = client.get(url).content.decode()
    why, message = {"reason": "frequency cap"}, Outbox.objects.get()
    held = NewEvent(
        *(ada.workspace_id, ada.pk, "message.held", clock.now()),
        message_id=message.pk,
        properties=why,
    )
    events.record_many([held])
    resume_sending(by=SYSTEM)
    capped = client.get(url).content.decode()

    assert "Fri 2 May 2031, 08:30 Asia/Tokyo" in told
    assert "Sending is paused: moving house" in paused
    assert "they have had as many messages as they may, or want" in capped
