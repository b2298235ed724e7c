"""Transactional messages that did not leave at the first time, and what is told of each time."""

from __future__ import annotations

import uuid
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.backoffice import act, is_done, sign_in
from delivery import services
from delivery.models import Attachment, Outbox, SendLedger
from delivery.services import transactional
from delivery.tests.test_admin_transactional import make_message
from delivery.tests.test_feedback_races import at_once
from delivery.tests.test_transactional import (
    DATA,
    ada,  # noqa: F401
    api,  # noqa: F401
    faults,
    receipt,  # noqa: F401
    send,
    workspace,  # noqa: F401
)
from emailseq.lib import clock
from subscribers import services as people
from subscribers.models import Suppression

FILE = {"name": "a.txt", "content_type": "text/plain", "content": "QQ=="}


def finished(outcome, reason=""):
    token = uuid.uuid4()
    Outbox.objects.update(lease_token=token)
    services.finish([(Outbox.objects.get().pk, outcome, reason, "")], token=token)


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_what_was_not_sent_is_sent_once_its_cause_is_gone(
    wire,
    api,  # noqa: F811
    ada,  # noqa: F811
    receipt,  # noqa: F811
    workspace,  # noqa: F811
):
    people.suppress(workspace, email=ada.email, reason="hard_bounce", by=SYSTEM)
    made = send(api, attachments=[FILE]).json()
    url = f"/messages/{made['id']}"
    assert wire.send() == 0
    assert transactional.forget() == 0
    Suppression.objects.all().delete()

    answers = [api("POST", f"{url}/retry") for _ in range(2)]
    waiting = api("GET", url).json()
    assert wire.send() == 1

    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["allowed"] == ["cancel"]
    assert (waiting["state"], waiting["reason"], waiting["finished_at"]) == ("queued", "", None)
    shown = api("GET", url).json()
    assert (shown["state"], shown["reason"]) == ("sent", "")
    first, second = api("GET", f"{url}/attempts").json()["data"]
    assert (first["state"], first["reason"]) == ("skipped", "suppressed: hard_bounce")
    assert (second["state"], second["tries"], second["reply"][:3]) == ("sent", 1, "250")
    assert second["finished_at"] == shown["finished_at"]
    assert api("POST", f"{url}/retry").json()["state"] == "sent"
    [mail] = wire.mails
    assert b"a.txt" in mail
    assert AuditEntry.objects.filter(verb="message.retried").count() == 1
    assert transactional.forget() == 1
    assert not Attachment.objects.exists()


@pytest.mark.django_db
def test_it_is_tried_again_by_the_template_as_it_is_now(api, receipt):  # noqa: F811
    made = send(api).json()
    finished("failed", "render: no")
    text = {"text": "{{ data.other }}"}
    assert api("PATCH", "/templates/receipt", text, match='"r1"').status_code == 200
    api("POST", "/templates/receipt/publish", match='"r2"')

    refused = api("POST", f"/messages/{made['id']}/retry")

    assert faults(refused) == {("/data/other", "template_data_missing")}
    assert not Outbox.objects.exists()


@pytest.mark.django_db
def test_what_is_forgotten_is_not_sent_again(api, receipt):  # noqa: F811
    made = send(api, attachments=[FILE]).json()
    finished("failed", "500 no")

    with clock.frozen(clock.now() + timedelta(days=31)):
        refused = api("POST", f"/messages/{made['id']}/retry")
        assert transactional.forget() == 2

    assert (refused.status_code, refused.json()["detail"]) == (409, "What it said is forgotten.")
    assert not Attachment.objects.exists()


@pytest.mark.django_db
def test_the_back_office_sends_again_what_has_failed():
    client = sign_in()
    message = make_message(client.workspace)
    finished("failed", "500 no")

    again = reverse("admin:delivery_transactionalmessage_retry", args=[message.pk])
    assert is_done(act(client, again))

    assert Outbox.objects.get().step_key == "again-1"
    assert SendLedger.objects.count() == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_names_and_tracking(wire, api, ada, receipt):  # noqa: F811
    html = '<a href="https://a.example/{{ data.url }}">yours</a> <a href="https://b.example">b</a>'
    key = {"name": "Key", "message_class": "transactional", "subject": "Key", "html": html}
    assert api("POST", "/templates", key).status_code == 201
    api("POST", "/templates/key/publish", match='"r1"')
    to = {"email": ada.email, "name": "Countess Lovelace"}
    assert faults(send(api, to={**to, "name": "A\nBcc: x"})) == {("/to/name", "invalid_characters")}

    answers = [
        send(api, template="key", to=to, data={"url": "secret"}, track=track).json()
        for track in (True, False)
    ]
    wire.send()

    assert [answer["track"] for answer in answers] == [True, False]
    mails = [message_from_bytes(mail, policy=policy.default) for mail in wire.mails]
    assert {mail["To"] for mail in mails} == {"Countess Lovelace <ada@example.com>"}
    bodies = sorted((mail.get_body(("html",)).get_content() for mail in mails), key=len)
    assert all('"https://a.example/secret"' in body for body in bodies)
    assert ["https://b.example" in body for body in bodies] == [True, False]
    assert ["/o/v2." in body for body in bodies] == [False, True]
    assert bodies[1].count("/c/v2.") == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_the_request_may_say_in_which_language(wire, api, ada, receipt):  # noqa: F811
    said = {"subject": "Bestellung {{ data.order.total }}", "text": "Danke! {{ data.url }}"}
    added = api("PUT", "/templates/receipt/translations/de", said, match='"r1"')
    assert added.status_code == 200, added.json()
    assert api("POST", "/templates/receipt/publish", match='"r2"').status_code == 200
    wrong = send(api, language="deutsch")

    answers = [send(api, language="de-AT"), send(api)]

    assert wire.send() == 2
    assert faults(wrong) == {("/language", "invalid")}
    assert [answer.json()["language"] for answer in answers] == ["de-AT", ""]
    mails = [message_from_bytes(data, policy=policy.default) for data in wire.mails]
    assert sorted(mail["Subject"] for mail in mails) == ["Bestellung 12.00", "Order of 12.00"]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_batches_that_cross_do_not_wait_for_each_other(api, receipt):  # noqa: F811
    items = [
        {"template": "receipt", "to": {"email": f"p{number}@example.com"}, "data": DATA}
        for number in range(10)
    ]

    answers = at_once(
        *[
            lambda order=order: api("POST", "/messages/batch", {"items": items[::order]})
            for order in (1, -1)
        ]
    )

    assert [answer.json()["summary"] for answer in answers] == [{"queued": 10, "error": 0}] * 2
    assert Outbox.objects.count() == 20
