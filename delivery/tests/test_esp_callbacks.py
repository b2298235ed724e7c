"""What ESPs call back: verified, written down, applied once, in any order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from delivery import callbacks
from delivery.models import Callback, Feedback, Outbox, SendLedger
from delivery.services import transports as services
from delivery.tests.factories import queue
from delivery.tests.returned import sent
from delivery.tests.test_feedback import in_doubt, reasons
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db

BASIC = "Basic " + base64.b64encode(b"ada:hush").decode()


@pytest.fixture
def message():
    return sent(finished_at=clock.now())[0]


def calls_back(workspace, *, kind="postmark", secret="ada:hush"):
    made = services.create_transport(
        workspace, name=kind, kind=kind, password="k", callback_secret=secret, by=SYSTEM
    )
    return f"/esp/{made.public_id}"


def post(client, url, body, *, authorization=BASIC, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"authorization": authorization, **headers} if authorization else headers
    return client.post(url, raw, content_type="application/json", headers=given)


def postmark(message, record, **more):
    return {
        "RecordType": record,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {"emailseq_id": str(message.pk)},
        "Email": message.subscriber.email,
        "Recipient": message.subscriber.email,
        "BouncedAt": "2026-03-02T10:00:00Z",
        **more,
    }


def bounce(message, details, kind="HardBounce"):
    return postmark(message, "Bounce", Type=kind, ID=42, Details=details)


NOBODY = "smtp;550 5.1.1 The email account that you tried to reach does not exist."
BLOCKED = "smtp;550 5.7.1 Message rejected: our policy blocks your IP address, see blocklist"


@pytest.mark.parametrize(
    ("make", "kind", "suppressed"),
    [
        (lambda row: bounce(row, NOBODY), "hard", ["hard_bounce"]),
        (lambda row: bounce(row, "smtp;452 4.2.2 mailbox full", "SoftBounce"), "soft", []),
        # "HardBounce" is Postmark's word; the server's say that it is about us.
        (lambda row: bounce(row, BLOCKED), "sender_fault", []),
        (lambda row: bounce(row, ""), "soft_strict", []),
        (lambda row: bounce(row, "", "Transient"), "deferred", []),
        (lambda row: postmark(row, "Delivery"), "delivered", []),
        (
            lambda row: postmark(row, "SpamComplaint", Type="SpamComplaint"),
            "complained",
            ["complaint"],
        ),
        (lambda row: bounce(row, "", "AutoResponder"), "auto_reply", []),
        (lambda row: postmark(row, "Open"), None, []),
    ],
)
def test_what_a_callback_comes_to(client, message, make, kind, suppressed):
    url = calls_back(message.workspace)

    answer = post(client, url, make(message))

    assert (answer.status_code, answer.content) == (200, b"Taken.\n")
    assert not Feedback.objects.exists()
    assert callbacks.apply() == 1
    found = list(Feedback.objects.values_list("message_id", "kind", "told_by"))
    assert found == ([(message.pk, kind, "Postmark")] if kind else [])
    assert reasons() == suppressed
    assert Callback.objects.get().applied_at


def test_a_hundred_repeats_in_any_order_come_to_the_same(client, message):
    url = calls_back(message.workspace)
    told = [bounce(message, NOBODY), postmark(message, "Delivery")] * 50
    random.Random(7).shuffle(told)

    answers = {post(client, url, each).content for each in told}
    while callbacks.apply():
        pass

    assert answers == {b"Taken.\n", b"Known.\n"}
    assert Callback.objects.count() == 2
    assert set(Feedback.objects.values_list("kind", flat=True)) == {"hard", "delivered"}
    assert reasons() == ["hard_bounce"]


def test_a_callback_settles_a_doubt(client):
    news = ListFactory()
    [row] = queue(make_audience(1, on=news), on=news)
    in_doubt(row)

    post(client, calls_back(row.workspace), postmark(row, "Delivery"))
    callbacks.apply()

    assert not Outbox.objects.exists()
    assert SendLedger.objects.get(pk=row.pk).outcome == "sent"


def test_an_esp_tells_of_its_own_workspace_only(client, message):
    strangers = calls_back(WorkspaceFactory())

    assert post(client, strangers, bounce(message, NOBODY)).status_code == 200
    callbacks.apply()

    assert not Feedback.objects.exists()
    assert reasons() == []
    assert Callback.objects.get().note == "0 of 1: bounced"


@pytest.mark.parametrize("named", [None, "", "x", "-1", "9" * 40, "1; DROP", ["1"]])
def test_a_callback_that_names_no_message_has_no_effect(client, message, named):
    url = calls_back(message.workspace)

    body = bounce(message, NOBODY) | {"Metadata": {"emailseq_id": named}}
    assert post(client, url, body).status_code == 200
    callbacks.apply()

    assert not Feedback.objects.exists()
    assert Callback.objects.get().applied_at


def test_who_does_not_prove_to_be_the_esp_is_refused(client, message):
    url, body = calls_back(message.workspace), bounce(message, NOBODY)
    wrong = "Basic " + base64.b64encode(b"ada:hash").decode()

    assert post(client, url, body, authorization="").status_code == 401
    assert post(client, url, body, authorization=wrong).status_code == 401
    assert not Callback.objects.exists()


def test_without_a_secret_there_is_no_such_page(client, message):
    own = services.create_transport(
        message.workspace, name="P", kind="postmark", password="k", by=SYSTEM
    )
    heard = calls_back(message.workspace)

    assert post(client, f"/esp/{own.public_id}", {}).status_code == 404
    assert post(client, "/esp/trn_0", {}).status_code == 404
    assert client.get(heard).status_code == 405
    assert client.head(heard).status_code == 200
    services.archive_transport(
        own.__class__.objects.exclude(pk=own.pk).get(kind="postmark"), by=SYSTEM
    )
    assert post(client, heard, {}).status_code == 404


def test_what_is_too_large_or_cannot_be_read_is_refused(client, message, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2000
    url = calls_back(message.workspace)

    assert post(client, url, b"x" * 2001).status_code == 413
    for junk in (b"", b"{", b"[]", b"\xff\xfe", b"[" * 1900):
        assert post(client, url, junk).status_code == 400, junk
    assert not Callback.objects.exists()


def test_mailgun_signs_what_it_calls(client, message):
    url = calls_back(message.workspace, kind="mailgun", secret="signing-key")
    signed = {"token": "t", "timestamp": "1"}
    signed["signature"] = hmac.new(b"signing-key", b"1t", hashlib.sha256).hexdigest()
    event = {
        "event": "failed",
        "severity": "permanent",
        "recipient": message.subscriber.email,
        "timestamp": clock.now().timestamp(),
        "user-variables": {"emailseq_id": str(message.pk)},
        "delivery-status": {"code": 550, "message": NOBODY},
    }

    forged = {**signed, "signature": "0" * 64}
    assert post(client, url, {"signature": forged, "event-data": event}).status_code == 401
    assert post(client, url, {"signature": signed, "event-data": event}).status_code == 200
    callbacks.apply()

    assert Feedback.objects.get().kind == "hard"


def test_sendgrid_signs_what_it_calls(client, message):
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    url = calls_back(message.workspace, kind="sendgrid", secret=base64.b64encode(public).decode())
    event = {
        "event": "bounce",
        "email": message.subscriber.email,
        "timestamp": 1772445600,
        "reason": NOBODY,
        "emailseq_id": str(message.pk),
        "sg_event_id": "e",
    }
    body = json.dumps([event, {**event, "event": "processed", "sg_event_id": "f"}]).encode()
    proof = base64.b64encode(key.sign(b"17" + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": proof,
        "X-Twilio-Email-Event-Webhook-Timestamp": "17",
    }

    assert post(client, url, body + b" ", authorization="", **headers).status_code == 401
    assert post(client, url, body, authorization="", **headers).status_code == 200
    callbacks.apply()

    assert Feedback.objects.get().kind == "hard"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (
            "brevo",
            {"event": "hard_bounce", "reason": NOBODY, "X-Mailin-custom": '{"emailseq_id": "ID"}'},
        ),
        (
            "sparkpost",
            [
                {
                    "msys": {
                        "message_event": {
                            "type": "bounce",
                            "raw_reason": NOBODY,
                            "bounce_class": "10",
                            "rcpt_meta": {"emailseq_id": "ID"},
                        }
                    }
                }
            ],
        ),
        (
            "mailtrap",
            {
                "events": [
                    {
                        "event": "bounce",
                        "timestamp": 1772445600,
                        "message_id": "m",
                        "event_id": "e",
                        "email": "ada@example.net",
                        "response": NOBODY,
                        "custom_variables": {"emailseq_id": "ID"},
                    }
                ]
            },
        ),
        (
            "resend",
            {
                "type": "email.bounced",
                "created_at": "2026-03-02T10:00:00.000Z",
                "data": {
                    "email_id": "e",
                    "bounce": {"type": "Permanent", "message": NOBODY},
                    "headers": [{"name": "X-Metadata", "value": '{"emailseq_id": "ID"}'}],
                },
            },
        ),
    ],
)
def test_the_others_are_understood_too(client, message, kind, body):
    url = calls_back(message.workspace, kind=kind)

    raw = json.dumps(body).replace("ID", str(message.pk)).encode()
    assert post(client, url, raw).status_code == 200
    callbacks.apply()

    assert Feedback.objects.get().kind == "hard"
