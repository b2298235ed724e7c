"""What goes with a transactional message: files, headers of its own, and a last moment."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from delivery import enclosed, tasks
from delivery.letters import Claimed
from delivery.models import Attachment, Outbox, TransactionalMessage
from delivery.tests.test_transactional import (
    ada,  # noqa: F401
    api,  # noqa: F401
    faults,
    receipt,  # noqa: F401
    send,
    workspace,  # noqa: F401
)
from emailseq.lib import clock

NAME = "Quittung für Ada, dreißigster November.pdf"
PDF = bytes(range(256)) * 40


def attached(name="a.pdf", content=PDF, content_type="application/pdf"):
    return {"name": name, "content_type": content_type, "content": b64encode(content).decode()}


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_files_and_headers_arrive_as_given_and_are_deleted_afterwards(wire, api, ada, receipt):  # noqa: F811
    headers = {"X-Order": "7 of " + "9" * 80, "References": "<a@b.example> <c@d.example>"}
    files = [attached(NAME), attached("b.txt", b"", "text/plain")]
    answer = send(api, attachments=files, headers=headers)
    assert answer.status_code == 202, answer.json()
    assert tasks.forget_callbacks() == 0  # it is not finished yet

    assert wire.send() == 1

    mail = message_from_bytes(wire.mails[0], policy=policy.default)
    assert {name: mail[name] for name in headers} == headers
    assert mail.get_body(("plain",)).get_content().startswith("Dear Ada")
    got = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    ]
    assert got == [(NAME, "application/pdf", PDF), ("b.txt", "text/plain", b"")]
    assert mail.defects == []
    assert max(map(len, wire.mails[0].split(b"\r\n"))) <= 998
    assert tasks.forget_callbacks() == 2
    assert not Attachment.objects.exists()


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_what_has_not_left_in_time_does_not_leave(wire, api, ada, receipt):  # noqa: F811
    soon = clock.now() + timedelta(minutes=5)
    late, good = (send(api, expires_at=soon.isoformat()).json() for _ in range(2))
    assert late["expires_at"] is not None
    past = clock.now() - timedelta(seconds=1)
    TransactionalMessage.objects.filter(pk=TransactionalMessage.objects.first().pk).update(
        expires_at=past
    )

    assert wire.send() == 1

    shown = [api("GET", f"/messages/{each['id']}").json() for each in (late, good)]
    assert [(each["state"], each["reason"]) for each in shown] == [
        ("skipped", "expired"),
        ("sent", ""),
    ]
    assert len(wire.mails) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "pointer", "code"),
    [
        ({"headers": {"Bcc": "eve@example.com"}}, "/headers/Bcc", "not_allowed"),
        ({"headers": {"X-SMTPAPI": "{}"}}, "/headers/X-SMTPAPI", "not_allowed"),
        ({"headers": {"X-A\r\nBcc": "e@e.example"}}, "/headers/X-A\r\nBcc", "not_allowed"),
        ({"headers": {"X-A": "b\r\nBcc: e@e.example"}}, "/headers/X-A", "invalid_header"),
        ({"headers": {"In-Reply-To": "yours"}}, "/headers/In-Reply-To", "invalid_header"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "/headers/x-a", "duplicate"),
        ({"attachments": [attached("a.PDF.exe")]}, "/attachments/0/name", "not_allowed"),
        ({"attachments": [attached("../a")]}, "/attachments/0/name", "invalid_name"),
        (
            {"attachments": [attached(content_type="message/rfc822")]},
            "/attachments/0/content_type",
            "not_allowed",
        ),
        ({"attachments": [attached()] * 6}, "/attachments", "too_many"),
        ({"attachments": [attached(content=b"1" * 2_700_000)] * 2}, "/attachments", "too_large"),
        (
            {"attachments": [{"name": "a", "content": "not base64"}]},
            "/attachments/0/content",
            "invalid",
        ),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "too_early"),
    ],
)
def test_what_may_not_go_with_it_is_told_and_nothing_is_queued(
    api,  # noqa: F811
    receipt,  # noqa: F811
    asked,
    pointer,
    code,
):
    assert faults(send(api, **asked)) == {(pointer, code)}
    assert not Outbox.objects.exists()
    assert not Attachment.objects.exists()


def test_a_pump_takes_no_more_files_than_it_has_room_for():
    rows = [
        Claimed(*([None] * len(Claimed._fields)))._replace(id=10 + run, run=run, kind=kind)
        for run, kind in enumerate(["campaign", *["transactional"] * 3])
    ]
    asked = {}

    async def fetch(name, query):
        asked[name] = query["runs"]
        if name == "told_of":
            return [(1, {}, {}, None, 600), (2, {}, {}, None, 600), (3, {"a": 1}, {}, None, 0)]
        return [(1, "a", "text/plain", b"A"), (1, "b", "text/plain", b"B")]

    told, heavy = asyncio.run(enclosed.read(fetch, rows, taken=enclosed.MOST_BYTES - 1000))

    assert asked == {"told_of": [1, 2, 3], "files_of": [1]}
    assert heavy == {12}
    assert [file.content for file in told[11].files] == [b"A", b"B"]
    assert told[13].data == {"a": 1}
