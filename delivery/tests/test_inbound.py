from __future__ import annotations

import io
import json
import os
import sys
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from delivery import callbacks
from delivery.letters import MessageKey
from delivery.models import Callback, Feedback, Outbox, SendLedger
from delivery.tests.factories import queue
from delivery.tests.returned import mail, sent, way_back
from emailseq.lib import clock
from subscribers.models import Event, Subscription, Suppression
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db


def take_in(raw, **more):
    """The note about a mail, once it has been applied."""
    callbacks.keep_mail(raw, origin="test", **more)
    callbacks.apply()
    return Callback.objects.latest("id").note


def reasons():
    return [*Suppression.objects.values_list("reason", flat=True)]


@pytest.fixture
def message():
    return sent(finished_at=clock.now())[0]


@pytest.mark.parametrize(
    ("name", "kind", "suppressed"),
    [
        ("fields_postfix", "hard", ["hard_bounce"]),
        ("fields_gmail", "hard", ["hard_bounce"]),
        ("fields_postfix_late", "soft", []),
        ("fields_postfix_delivered", "delivered", []),
        ("fields_postfix_blocked", "sender_fault", []),
        ("fields_virus", "content_fault", []),
        ("fields_two_recipients_two_reasons", "sender_fault", []),
        ("arf_abuse", "complained", ["complaint"]),
        ("arf_auth_failure", "remark", []),
        ("arf_opt_out", "unsubscribed", []),
        ("unsubscribe_by_mail", "unsubscribed", []),
        ("vacation_outlook", "auto_reply", []),
        ("challenge", "auto_reply", []),
        ("read_receipt", "auto_reply", []),
        ("a_person_answers", "replied", []),
    ],
)
def test_what_a_mail_to_the_return_path_does(message, name, kind, suppressed):
    take_in(mail(name, to=way_back(message)))

    feedback = Feedback.objects.get()
    assert (feedback.message_id, feedback.kind) == (message.pk, kind)
    assert feedback.address_key == message.subscriber.address_key
    assert reasons() == suppressed
    state = "unsubscribed" if kind == "unsubscribed" else "confirmed"
    assert Subscription.objects.get().state == state


@pytest.mark.parametrize(
    ("stands_for_ours", "kind"),
    [(b"ada@example.net", "hard"), (b"bob@example.org", "sender_fault")],
)
def test_of_several_recipients_ours_counts(message, stands_for_ours, kind):
    raw = mail("qmail", to=way_back(message))

    take_in(raw.replace(stands_for_ours, message.subscriber.email.encode()))

    assert Feedback.objects.get().kind == kind


def test_not_spam_is_of_no_consequence(message):
    note = take_in(mail("arf_not_spam", to=way_back(message)))

    assert note.startswith("complaint, of no consequence: ")
    assert not Feedback.objects.exists()


@pytest.mark.parametrize("name", ["fields_postfix", "arf_abuse", "arf_opt_out", "a_person_answers"])
@pytest.mark.parametrize(
    "forge",
    [
        lambda address: "b+token@bounce.news.example",
        lambda address: address[:-40] + ("a" if address[-40] != "a" else "b") + address[-39:],
        lambda address: address.replace("b+", "u+", 1),
    ],
    ids=["made up", "changed", "for another purpose"],
)
def test_what_is_forged_touches_nobody(message, name, forge):
    raw = mail(name, to=forge(way_back(message)))
    raw = raw.replace(b"ada@example.net", message.subscriber.email.encode())

    note = take_in(raw)

    assert "about no message of ours" in note
    assert not Feedback.objects.exists()
    assert (reasons(), Subscription.objects.get().state) == ([], "confirmed")


@pytest.mark.parametrize("purpose", ["b", "u"])
def test_any_mail_of_a_person_to_the_way_out_leaves(message, purpose):
    take_in(mail("a_person_answers", to=way_back(message, purpose)))

    left = {"u": "unsubscribed", "b": "confirmed"}
    assert Subscription.objects.get().state == left[purpose]


def test_no_machine_leaves_by_answering(message):
    take_in(mail("vacation_outlook", to=way_back(message, "u")))

    assert Subscription.objects.get().state == "confirmed"


def test_the_recipient_that_a_pipe_knows_counts(message):
    take_in(mail("fields_postfix", to="undisclosed"), recipient=way_back(message))

    assert reasons() == ["hard_bounce"]


ANSWER = """\
From: Ada <{sender}>
To: help@harbour.example
Subject: Re: Hello
In-Reply-To: {message_id}

Yes, Thursday
suits me.

> What you wrote.
"""


def answer(message, **changes):
    given = {
        "sender": message.subscriber.email,
        "message_id": our_message_id(message),
        **changes,
    }
    return ANSWER.format(**given).encode()


def our_message_id(message):
    key = MessageKey(*(getattr(message, name) for name in MessageKey._fields))
    return key.message_id(message.sender.email)


def test_an_answer_names_our_message_id(message):
    SendLedger.objects.update(finished_at=clock.now())

    assert take_in(answer(message)) == "other: replied"

    event = Event.objects.get(kind="message.replied")
    assert (event.message_id, event.source_id) == (message.pk, 1)
    assert event.shown == {"excerpt": "Yes, Thursday suits me."}


@pytest.mark.parametrize(
    "changes", [{"message_id": "<abc@harbour.example>"}, {"sender": "eve@example.org"}]
)
def test_an_answer_to_something_else_is_none(message, changes):
    SendLedger.objects.update(finished_at=clock.now())

    assert "about no message of ours" in take_in(answer(message, **changes))
    assert not Feedback.objects.exists()


def test_a_bounce_that_names_the_message_id_settles_a_doubt():
    news = ListFactory()
    (row,) = queue(make_audience(1, on=news), on=news)
    Outbox.objects.update(lease_token=uuid.uuid4(), wire_at=clock.now(), doubt_at=clock.now())
    raw = mail("fields_postfix", to="mie@harbour.example")
    raw = raw.replace(b"<m1@news.example>", our_message_id(row).encode())

    take_in(raw.replace(b"ada@example.net", row.subscriber.email.encode()))

    message = SendLedger.objects.get()
    assert (message.pk, message.outcome) == (row.pk, "sent")
    assert reasons() == ["hard_bounce"]


def test_of_several_recipients_in_a_bounce_without_token_ours_counts(message):
    SendLedger.objects.update(finished_at=clock.now())
    raw = mail("qmail", to="mie@harbour.example")
    raw = raw.replace(b"<m1@news.example>", our_message_id(message).encode())

    take_in(raw.replace(b"ada@example.net", message.subscriber.email.encode()))

    assert Feedback.objects.get().kind == "hard"


# By HTTP


@pytest.fixture
def url(settings):
    settings.INBOUND_SECRET = "hush-hush"
    return "/inbound/hush-hush"


def post(client, url, body, **query):
    return client.post(url, body, content_type="message/rfc822", query_params=query)


def test_a_mail_server_hands_over_by_http(client, url, message):
    raw = mail("fields_postfix", to="undisclosed")

    answers = [post(client, url, raw, recipient=way_back(message)) for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 200]
    assert [each.content for each in answers] == [b"Taken.\n", b"Known.\n", b"Known.\n"]
    row = Callback.objects.get()
    assert (row.origin, row.applied_at) == ("HTTP", None)
    callbacks.apply()
    assert reasons() == ["hard_bounce"]


def test_without_the_secret_there_is_no_such_page(client, url, settings):
    assert post(client, "/inbound/hush", b"x").status_code == 404
    assert post(client, "/inbound/", b"x").status_code == 404
    assert client.get(url).status_code == 405

    settings.INBOUND_SECRET = ""
    assert post(client, url, b"x").status_code == 404
    assert not Callback.objects.exists()


def test_what_is_too_large_or_no_mail_is_refused(client, url, monkeypatch):
    monkeypatch.setattr(callbacks, "MOST_BYTES", 2000)

    assert post(client, url, b"x" * 2001).status_code == 413
    assert post(client, url, b"").status_code == 400
    assert not Callback.objects.exists()
    assert post(client, url, b"x" * 2000).status_code == 200


# By command


def ingest(*arguments, stdin=b"", monkeypatch=None):
    """The exit code of the command."""
    if monkeypatch:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    try:
        call_command("ingest_mail", *arguments)
    except CommandError as error:
        return error.returncode
    return 0


def test_a_pipe_hands_over_by_command(message, monkeypatch, capsys):
    raw = b"From MAILER-DAEMON Tue Nov 24 09:00:00 2026\n" + mail("fields_gmail", to="undisclosed")

    code = ingest("--recipient", way_back(message), stdin=raw, monkeypatch=monkeypatch)

    assert (code, capsys.readouterr().out) == (0, "")
    callbacks.apply()
    assert (Callback.objects.get().origin, reasons()) == ("pipe", ["hard_bounce"])


def test_a_pipe_hears_by_code_what_is_wrong(monkeypatch, tmp_path):
    assert ingest(stdin=b"\n", monkeypatch=monkeypatch) == os.EX_DATAERR
    assert ingest(str(tmp_path / "nothing.eml")) == os.EX_NOINPUT

    def down(*_, **__):
        raise DatabaseError("the server is down")

    monkeypatch.setattr(callbacks, "keep_mail", down)
    assert ingest(stdin=b"x", monkeypatch=monkeypatch) == os.EX_TEMPFAIL
    assert not Callback.objects.exists()


def test_a_maildir_is_taken_in_and_emptied(message, tmp_path, capsys):
    for part in ("cur", "new", "tmp"):
        tmp_path.joinpath(part).mkdir()
    tmp_path.joinpath("new", "1.a").write_bytes(mail("fields_gmail", to=way_back(message)))
    tmp_path.joinpath("cur", "2.a:2,S").write_bytes(mail("a_person_answers", to=way_back(message)))
    tmp_path.joinpath("tmp", "3.a").write_bytes(b"half a ma")

    assert ingest(str(tmp_path)) == 0
    assert capsys.readouterr().out == "2 of them new\n"
    assert ingest("--delete", str(tmp_path)) == 0
    assert capsys.readouterr().out == "0 of them new\n"

    assert [path.name for path in tmp_path.rglob("*.a*")] == ["3.a"]
    callbacks.apply()
    assert {*Feedback.objects.values_list("kind", flat=True)} == {"hard", "replied"}


def test_what_came_in_is_listed_with_what_became_of_it(message, capsys):
    take_in(mail("fields_postfix", to=way_back(message)))
    take_in(b"Subject: Your invoice\n\nPay.")
    Callback.objects.create(
        form="mail", origin="pipe", sha256=b"x", body=b"x", due_at=None, note="KeyError"
    )

    call_command("callbacks")
    lines = [line[21:] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "kept aside  pipe  KeyError",
        "applied  test  other, about no message of ours: Your invoice",
        "applied  test  bounce: hard",
    ]
    call_command("callbacks", "--parked", "--json")
    [parked] = json.loads(capsys.readouterr().out)["callbacks"]
    assert (parked["state"], parked["note"]) == ("kept aside", "KeyError")

    call_command("callbacks", "--retry")
    assert capsys.readouterr().out == "Read once more: 1\n"
    assert not Callback.objects.parked().exists()
