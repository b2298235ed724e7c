"""Messages that leave by the API of an ESP, which a real HTTP server stands in for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter

import httpx
import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from delivery import carriers, esps
from delivery.models import Lane, Outbox, SendLedger, Transport
from delivery.services import transports as services
from delivery.tests.esp import Esp, accept
from delivery.tests.factories import queue
from delivery.transports import http
from delivery.transports.http import HttpConnection, refusal
from delivery.transports.smtp import Envelope, WireOutcome
from emailseq import env
from emailseq.lib.errors import Invalid
from subscribers.tests.factories import ListFactory, make_audience

MAIL = (
    b"From: =?utf-8?q?Mi=C3=A9?= <mie@harbour.example>\r\n"
    b"To: Ada Lovelace <ada@example.net>\r\n"
    b"Reply-To: help@harbour.example\r\n"
    b"Subject: Tides in November\r\n"
    b"Message-ID: <abc@harbour.example>\r\n"
    b"List-Unsubscribe: <https://links.harbour.example/u/1>\r\n"
    b"DKIM-Signature: v=1; d=harbour.example\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHigh at nine\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>High at nine</p>\r\n--b--\r\n"
)
ENVELOPE = Envelope(41, "b+1-x@bounce.harbour.example", "ada@example.net", MAIL)


def leads_to(esp, settings, workspace=None, **options):
    settings.TRANSPORT_ALLOWED_HOSTS = [f"127.0.0.1:{esp.port}"]
    return services.create_transport(
        workspace or WorkspaceFactory(),
        name="Postmark",
        kind="postmark",
        host="127.0.0.1",
        port=esp.port,
        tls="none",
        password="open-sesame",
        by=SYSTEM,
        **options,
    )


def queued(count=1, **options):
    news = ListFactory()
    return queue(make_audience(count, on=news), on=news, **options)


# Each ESP is asked as its API wants it


@pytest.mark.parametrize(
    ("kind", "url", "key", "about", "metadata"),
    [
        (
            *("postmark", "https://api.postmarkapp.com/email", "x-postmark-server-token"),
            *(('"Name": "X-PM-KeepID"', '"HtmlBody": "<p>High'), '"emailseq_id": "41"'),
        ),
        (
            *("sendgrid", "https://api.sendgrid.com/v3/mail/send", "authorization"),
            *(('"value": "High at nine',), '"custom_args": {"emailseq_id": "41"}'),
        ),
        (
            *("mailgun", "https://api.mailgun.net/v3/harbour.example/messages.mime"),
            *("authorization", (MAIL.decode(), "to"), 'name="v:emailseq_id"\r\n\r\n41\r\n'),
        ),
        (
            *("brevo", "https://api.brevo.com/v3/smtp/email", "api-key"),
            *(('"textContent": "High',), r"{\"emailseq_id\": \"41\"}"),
        ),
        (
            *("sparkpost", "https://api.sparkpost.com/api/v1/transmissions/", "authorization"),
            *(('"email": "ada@example.net"',), '"metadata": {"emailseq_id": "41"}'),
        ),
        (
            *("resend", "https://api.resend.com/emails", "authorization"),
            *(('"to": ["Ada Lovelace <ada@example.net>"]',), r"{\"emailseq_id\": \"41\"}"),
        ),
        (
            *("mailtrap", "https://send.api.mailtrap.io/api/send", "api-token"),
            *(('"subject": "Tides in November"',), '"custom_variables": {"emailseq_id": "41"}'),
        ),
    ],
)
def test_a_message_is_put_as_the_esp_wants_it(kind, url, key, about, metadata):
    call = esps.Dialect(esps.ESPS[kind], key="k-1")(ENVELOPE)

    request = httpx.Client().build_request(**call.request)
    body = request.read().decode()
    assert (request.method, str(request.url)) == ("POST", url)
    assert "k-1" in request.headers[key] or request.headers[key] == "Basic YXBpOmstMQ=="
    for piece in (*about, metadata, "ada", "links.harbour.example"):
        assert piece in body
    assert ("DKIM-Signature" in body) == (kind == "mailgun")  # which takes it as it is
    assert "bounce.harbour.example" not in body


def test_an_esp_gets_the_files_and_the_text_beside_them():
    plain = (
        b'Content-Type: multipart/mixed; boundary="=_file"\r\n\r\n--=_file\r\n'
        b"Content-Type: text/plain; charset=utf-8\r\n\r\nHigh at nine\r\n--=_file\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment;"
        b"\r\n filename*0*=utf-8''tides%C3%A9.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--=_file--\r\n"
    )
    head = b"From: mie@harbour.example\r\nSubject: Tides\r\nMIME-Version: 1.0\r\n"
    envelope = ENVELOPE._replace(data=head + plain)

    call = esps.Dialect(esps.ESPS["postmark"], key="k-1")(envelope)

    body = json.loads(call.request["content"])
    assert body["TextBody"].strip() == "High at nine"
    [file] = body["Attachments"]
    assert (file["Name"], file["Content"], file["ContentType"]) == (
        "tidesé.pdf",
        "JVBERg==",
        "application/pdf",
    )


def test_every_esp_is_tried_above():
    [mark] = test_a_message_is_put_as_the_esp_wants_it.pytestmark
    assert {case[0] for case in mark.args[1]} == esps.ESPS.keys()


# What an answer means


INACTIVE = {
    "ErrorCode": 406,
    "Message": "You tried to send to a recipient that has been marked as inactive. Found inactive "
    "addresses: ada@example.net. Inactive recipients are ones that have generated a hard bounce.",
}


def handed_over(act, *, count=1, envelope=ENVELOPE, kind="postmark", **options):
    """What becomes of some envelopes, which were announced, and whether the connection lives on."""

    async def run(port):
        url = f"http://127.0.0.1:{port}/"
        dialect = esps.Dialect(esps.ESPS[kind], key="open-sesame", url=url)
        connection = await HttpConnection.open(carriers.Account(host="x", dialect=dialect))
        results, announced = [], []
        await connection.send(
            [envelope, *(ENVELOPE._replace(id=41 + more) for more in range(1, count))],
            report=results.append,
            announce=announced.append,
            **options,
        )
        alive = connection.alive
        await connection.aclose()
        return results, announced, alive

    with Esp(act) as esp:
        return asyncio.run(run(esp.port))


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "alive"),
    [
        ((422, INACTIVE), WireOutcome.REFUSED, 550, True),
        ((422, {"ErrorCode": 400, "Message": "Sender unknown"}), WireOutcome.REFUSED, 550, True),
        ((413, {}), WireOutcome.REFUSED, 552, True),
        ((401, {"Message": "Bad token"}), WireOutcome.REFUSED, 535, False),
        ((429, {}), WireOutcome.REFUSED, 421, False),
        ((500, {}), WireOutcome.REFUSED, 421, False),
        ((503, b"busy"), WireOutcome.REFUSED, 421, False),
        ((504, b"nobody home"), WireOutcome.IN_DOUBT, 0, False),
        ((200, b"<html>welcome"), WireOutcome.IN_DOUBT, 0, False),
        ((200, [7]), WireOutcome.IN_DOUBT, 0, False),
        ((422, [7]), WireOutcome.REFUSED, 550, True),
        ((200, b"x" * 500_000), WireOutcome.IN_DOUBT, 0, False),
        (None, WireOutcome.IN_DOUBT, 0, False),
    ],
)
def test_what_an_answer_means(answer, outcome, code, alive):
    [result], announced, lives = handed_over(lambda _: answer)

    assert (result.outcome, result.reply.code, lives) == (outcome, code, alive)
    assert announced == [41]
    assert "sesame" not in str(result.reply)


def test_what_is_behind_a_broken_line_did_not_leave():
    [first, second], announced, _ = handed_over(lambda _: None, count=2, kind="resend")

    assert (first.id, first.outcome) == (41, WireOutcome.IN_DOUBT)
    assert (second.id, second.outcome) == (42, WireOutcome.UNSENT)
    assert announced == [41]


def number(body):
    return int(body["Metadata"]["emailseq_id"])


def test_what_goes_together_is_answered_one_by_one():
    def act(body):
        return (422, INACTIVE) if number(body) == 42 else accept(body)

    results, announced, alive = handed_over(act, count=23)

    told = {result.id: (result.outcome, result.reply.code) for result in results}
    assert told.pop(42) == (WireOutcome.REFUSED, 550)
    assert told == {41 + more: (WireOutcome.ACCEPTED, 250) for more in range(23) if 41 + more != 42}
    assert announced == list(range(41, 64))
    assert alive
    assert next(one.reply.text for one in results if one.id == 63) == "pm-63"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, WireOutcome.IN_DOUBT),
        ((401, {"Message": "Bad token"}), WireOutcome.REFUSED),
        ((201, [{"ErrorCode": 0}]), WireOutcome.IN_DOUBT),  # for one of three
        ((201, b"<html>welcome"), WireOutcome.IN_DOUBT),
        ((201, [7, {}, None]), WireOutcome.IN_DOUBT),
    ],
)
def test_an_answer_to_all_is_one_to_each(answer, outcome):
    results, announced, alive = handed_over(lambda _: answer, count=3)

    assert [(result.id, result.outcome) for result in results] == [
        (message_id, outcome) for message_id in (41, 42, 43)
    ]
    assert (announced, alive) == ([41, 42, 43], False)


def test_what_cannot_be_put_leaves_the_others_alone():
    broken = ENVELOPE._replace(data=MAIL.replace(b"mie@harbour.example>\r\nTo", b"mie>\r\nTo"))

    results, announced, _ = handed_over(accept, envelope=broken, count=3)

    assert {result.id: result.outcome for result in results} == {
        41: WireOutcome.REFUSED,
        42: WireOutcome.ACCEPTED,
        43: WireOutcome.ACCEPTED,
    }
    assert announced == [42, 43]


def test_no_more_goes_together_than_is_wise(monkeypatch):
    monkeypatch.setattr(http, "ENOUGH_BYTES", len(MAIL) + 1)

    with Esp() as esp:
        url = f"http://127.0.0.1:{esp.port}/"
        dialect = esps.Dialect(esps.ESPS["postmark"], key="k", url=url)

        async def run():
            connection = await HttpConnection.open(carriers.Account(host="x", dialect=dialect))
            three = [ENVELOPE._replace(id=number) for number in (41, 42, 43)]
            await connection.send(three, report=lambda _: None)
            await connection.aclose()

        asyncio.run(run())

    assert [number(body) for body in esp.taken] == [41, 42, 43]
    assert esp.requests == 2


def hesitate(_):
    """It takes its time, and then hangs up."""
    threading.Event().wait(0.5)


def test_an_esp_that_does_not_answer_is_not_waited_for():
    [result], *_ = handed_over(hesitate, deadline=0.1)

    assert result.outcome is WireOutcome.IN_DOUBT
    assert result.reply.text == "no answer within 0.1 s"


def test_what_was_asked_when_the_pump_is_stopped_is_in_doubt():
    async def run(port):
        dialect = esps.Dialect(esps.ESPS["resend"], key="k", url=f"http://127.0.0.1:{port}/")
        connection = await HttpConnection.open(carriers.Account(host="x", dialect=dialect))
        results = []
        two = [ENVELOPE, ENVELOPE._replace(id=42)]
        sending = asyncio.create_task(connection.send(two, report=results.append))
        while not esp.heard:
            await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        return [(result.id, result.outcome) for result in results]

    with Esp(hesitate) as esp:
        assert asyncio.run(run(esp.port)) == [
            (41, WireOutcome.IN_DOUBT),
            (42, WireOutcome.UNSENT),
        ]


def test_nothing_is_asked_under_a_mark_that_is_too_old():
    [result], announced, alive = handed_over(accept, write_until=0)

    assert (result.outcome, announced, alive) == (WireOutcome.UNSENT, [], False)


def test_where_nobody_listens_nothing_has_left():
    async def run():
        dialect = esps.Dialect(esps.ESPS["postmark"], key="k", url="http://127.0.0.1:1/")
        connection = await HttpConnection.open(carriers.Account(host="x", dialect=dialect))
        results = []
        await connection.send([ENVELOPE], report=results.append)
        return results

    [result] = asyncio.run(run())
    assert result.outcome is WireOutcome.UNSENT
    assert result.reply.text.startswith("not reached: ")


@pytest.mark.parametrize(
    ("status", "code"),
    [(301, 421), (400, 550), (402, 535), (404, 535), (408, 421), (502, 0), (599, 421)],
)
def test_statuses_in_the_words_of_a_mail_server(status, code):
    assert refusal(status, "so it is").code == code


def test_what_an_esp_cannot_take_is_not_offered():
    broken = ENVELOPE._replace(data=MAIL.replace(b"mie@harbour.example>\r\nTo", b"mie>\r\nTo"))

    [result], announced, alive = handed_over(accept, envelope=broken)

    assert (result.outcome, announced, alive) == (WireOutcome.REFUSED, [], True)
    assert str(result.reply).startswith("554 5.6.0 not offered: ")


# By a pump, from the outbox to the ledger


pump = pytest.mark.django_db(transaction=True)


@pump
@pytest.mark.pg
def test_messages_leave_by_an_esp_once_each(wire, settings):
    with Esp() as esp:
        rows = queued(12)
        transport = leads_to(esp, settings, rows[0].workspace)

        assert wire.send(seconds=1) == 12

    assert Counter(body["Metadata"]["emailseq_id"] for body in esp.taken) == {
        str(row.pk): 1 for row in rows
    }
    assert wire.recipients == []
    assert esp.keys == {"open-sesame"}
    body = esp.taken[0]
    headers = {each["Name"]: each["Value"] for each in body["Headers"]}
    assert {"Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"} <= headers.keys()
    assert headers["X-PM-KeepID"] == "true"
    sent = SendLedger.objects.get(pk=int(body["Metadata"]["emailseq_id"]))
    assert (sent.outcome, sent.transport_id) == ("sent", transport.pk)
    assert sent.reply == f"250 2.0.0 pm-{sent.pk}"


@pump
@pytest.mark.pg
def test_a_cut_line_leaves_one_message_a_wire_in_doubt_and_repeats_none(wire, settings):
    with Esp(lambda body: None) as esp:
        rows = queued(1)
        leads_to(esp, settings, rows[0].workspace)
        wire.send(seconds=0.5)
        wire.send(seconds=0.5)

    assert len(esp.heard) == 1
    assert [row.pk for row in Outbox.objects.in_doubt()] == [rows[0].pk]
    assert not SendLedger.objects.exists()


@pump
@pytest.mark.pg
def test_a_key_that_is_refused_stops_the_transport_and_loses_nothing(wire, settings):
    with Esp(lambda body: (401, {"Message": "Bad token"})) as esp:
        rows = queued(30)
        transport = leads_to(esp, settings, rows[0].workspace)
        wire.send(seconds=4)

    whole = Lane.objects.get(transport=transport, domain_group="")
    assert whole.state == "paused"
    assert whole.reason.startswith("535 HTTP 401")
    assert len(esp.heard) < 30
    assert Outbox.objects.count() == 30
    assert not Outbox.objects.in_doubt().exists()
    assert not SendLedger.objects.exists()


@pump
@pytest.mark.pg
def test_an_esp_that_is_busy_is_left_alone_for_a_while(wire, settings):
    with Esp(lambda body: (429, {"Message": "slow down"})) as esp:
        rows = queued(30)
        transport = leads_to(esp, settings, rows[0].workspace)
        wire.send(seconds=1)

    whole = Lane.objects.get(transport=transport, domain_group="")
    assert whole.state != "open" or whole.connections == 1
    assert len(esp.heard) < 30
    assert Outbox.objects.count() == 30
    assert not SendLedger.objects.exists()


@pump
@pytest.mark.pg
def test_safe_mode_keeps_everything_from_the_esp(wire, settings):
    settings.SAFE_MODE = env.safe_mode("redirect:me@trial.example")
    with Esp() as esp:
        rows = queued(2)
        leads_to(esp, settings, rows[0].workspace)
        wire.send(seconds=0.5)

    assert {body["To"].partition("<")[2] for body in esp.taken} == {"me@trial.example>"}


# How it is set up


@pytest.fixture
def api():
    made = Api(workspace := WorkspaceFactory())
    made.workspace = workspace
    return made


RELAY = {"kind": "smtp", "host": "smtp.harbour.example"}
POSTMARK = {"name": "Postmark", "kind": "postmark", "password": "k-1"}


@pytest.mark.django_db
def test_a_transport_to_an_esp_is_made_and_keeps_its_secrets(api):
    answer = api("POST", "/api/v1/transports", {**POSTMARK, "callback_secret": "ada:hush"})

    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["kind"], shown["host"], shown["hears_callbacks"]) == ("postmark", "", True)
    assert not {"password", "callback_secret"} & shown.keys()
    made = Transport.objects.get(name="Postmark")
    assert (made.password.reveal(), made.callback_secret.reveal()) == ("k-1", "ada:hush")
    assert "hush" not in json.dumps(list(AuditEntry.objects.values()), default=str)
    assert made.address == "Postmark"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"password": ""}, "/password", "required"),
        ({"password": "k\r\nX-Other: 1"}, "/password", "invalid_characters"),
        ({"kind": "mailgun", "username": "a/b"}, "/username", "invalid"),
        ({"host": "evil.example"}, "/host", "unknown_host"),
        ({"host": "169.254.169.254"}, "/host", "unknown_host"),
        ({"tls": "none"}, "/tls", "credentials_in_clear"),
        ({"callback_secret": "no-colon"}, "/callback_secret", "invalid"),
        ({"kind": "mailgun", "callback_secret": "a:b"}, "/callback_secret", "invalid"),
        ({"kind": "sendgrid", "callback_secret": "no key"}, "/callback_secret", "invalid"),
        (
            {"kind": "smtp", "host": "a.example", "callback_secret": "a:b"},
            "/callback_secret",
            "no_esp",
        ),
        ({"kind": "pigeon"}, "/kind", "invalid_choice"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is(api, change, pointer, code):
    answer = api("POST", "/api/v1/transports", {**POSTMARK, **change})

    assert answer.status_code == 400
    told = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert told == [(pointer, code)]
    assert not Transport.objects.filter(name="Postmark").exists()


@pytest.mark.django_db
def test_a_transport_stays_what_it_is_and_keeps_its_secrets(api):
    made = services.create_transport(api.workspace, by=SYSTEM, **POSTMARK, callback_secret="a:b")

    with pytest.raises(Invalid) as caught:
        services.update_transport(made, by=SYSTEM, kind="smtp")
    assert caught.value.errors[0].code == "fixed"
    services.update_transport(made, by=SYSTEM, password="", callback_secret="c:d", rate=5)

    made = Transport.objects.get(pk=made.pk)
    assert (made.password.reveal(), made.callback_secret.reveal(), made.rate) == ("k-1", "c:d", 5)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "https://api.mailgun.net/v3/harbour.example/messages.mime"),
        ("api.eu.mailgun.net", "https://api.eu.mailgun.net/v3/harbour.example/messages.mime"),
    ],
)
def test_an_esp_is_asked_in_its_region(api, host, url):
    made = services.create_transport(
        api.workspace, name="M", kind="mailgun", host=host, password="k", by=SYSTEM
    )

    assert services.account_of(made).dialect(ENVELOPE).request["url"] == url


@pytest.mark.django_db
def test_a_key_is_tried_without_sending(api, settings):
    with Esp() as esp:
        made = leads_to(esp, settings, api.workspace)
        path = f"/api/v1/transports/{made.public_id}/test"
        assert api("POST", path).status_code == 200
        services.update_transport(made, password="wrong", by=SYSTEM)
        refused = api("POST", path)

    assert refused.status_code == 409
    assert "Wrong token." in refused.json()["detail"]
    assert esp.heard == []


@pytest.mark.django_db
def test_the_back_office_tells_where_the_esp_calls_and_keeps_its_key():
    client = sign_in()
    form = {**POSTMARK, "port": 587, "tls": "starttls", "preference": 10, "weight": 1}
    assert is_done(act(client, reverse("admin:delivery_transport_create"), **form))
    made = Transport.objects.get(name="Postmark")
    edit = reverse("admin:delivery_transport_edit", args=[made.pk])

    shown = client.get(edit).content.decode()
    assert f"/esp/{made.public_id}" in shown
    assert "k-1" not in shown
    assert is_done(act(client, edit, **{**form, "password": "", "callback_secret": "ada:hush"}))

    made = Transport.objects.get(pk=made.pk)
    assert (made.password.reveal(), made.callback_secret.reveal()) == ("k-1", "ada:hush")
