from __future__ import annotations

import uuid

import pytest
from django.urls import reverse
from django.utils.html import escape

from accounts.models import AuditEntry
from accounts.tests.backoffice import act, is_done, sign_in
from delivery.letters import MessageKey
from delivery.models import Outbox, SenderIdentity, SendLedger
from delivery.tests.factories import queue
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db

IN_DOUBT = "admin:delivery_outbox_changelist"


def make_doubtful(workspace) -> Outbox:
    news = ListFactory(workspace=workspace)
    [message] = queue(make_audience(1, on=news), on=news)
    now = clock.now()
    doubtful = Outbox.objects.filter(pk=message.pk)
    doubtful.update(wire_at=now, doubt_at=now, lease_token=uuid.uuid4())
    return message


def url(verb: str, message: Outbox) -> str:
    return reverse(f"admin:delivery_outbox_{verb}", args=[message.pk])


def test_only_what_is_in_doubt_is_listed():
    client = sign_in()
    news = ListFactory(workspace=client.workspace)
    queue(make_audience(2, on=news), on=news, source_id=2)
    message = make_doubtful(client.workspace)

    page = client.get(reverse(IN_DOUBT))

    key = MessageKey(
        *(message.kind, message.source_id, message.step_key, message.run, message.subscriber_id)
    )
    assert escape(key.message_id(message.sender.email)) in page.content.decode()
    listed = page.context["cl"].result_list
    assert [row.pk for row in listed] == [message.pk]
    assert listed[0].source_name == "November news"


def test_a_message_in_doubt_is_counted_as_sent():
    client = sign_in()
    message = make_doubtful(client.workspace)

    assert is_done(act(client, url("mark_sent", message)))

    assert not Outbox.objects.exists()
    assert SendLedger.objects.get(pk=message.pk).outcome == "sent"
    assert AuditEntry.objects.order_by("-id").first().verb == "message.marked_sent"


def test_a_message_in_doubt_is_sent_again():
    client = sign_in()
    message = make_doubtful(client.workspace)

    assert (
        "The recipient may get it twice." in client.get(url("send_again", message)).content.decode()
    )
    assert is_done(act(client, url("send_again", message)))

    message.refresh_from_db()
    assert (message.doubt_at, message.wire_at) == (None, None)
    assert not SendLedger.objects.exists()


def test_a_sender_needs_an_address_that_can_send():
    client = sign_in()
    create = reverse("admin:delivery_senderidentity_create")

    refused = act(client, create, name="Mié", email="mie@")
    assert 'id="id_email_error"' in refused.content.decode()
    assert is_done(act(client, create, name="Mié", email="mie@harbour.example"))

    sender = SenderIdentity.objects.get()
    assert (sender.name, sender.email, sender.workspace) == (
        "Mié",
        "mie@harbour.example",
        client.workspace,
    )
