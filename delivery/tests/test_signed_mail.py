"""What leaves through the real client, read from the sink byte by byte."""

from __future__ import annotations

import email
import email.policy
import re

import dkim as dkimpy
import pytest

from accounts.audit import SYSTEM
from delivery import return_path
from delivery.dkim import ED25519, RSA_2048
from delivery.models import Outbox, SenderIdentity, SendLedger
from delivery.services import domains
from delivery.tests.factories import make_domain, queue
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def news():
    return ListFactory(name="Harbour news", slug="news", workspace__slug="harbour")


def arrived(wire, news, **content):
    """A bulk message to one person, as it arrives."""
    queue(make_audience(1, on=news), on=news, **content)
    wire.send()
    return wire.mails[-1]


def signatures(mail):
    """(algorithm, domain, selector) of each signature, from the top."""
    found = re.findall(rb"a=(\S+);[^;]+;\s+d=(\S+); s=(\S+);", mail)
    return [tuple(part.decode() for part in each) for each in found]


def verified(mail, domain):
    """Which signatures another implementation accepts, by the records that are to be published."""
    records = {f"{key.host}.": key.record.encode() for key in domain.keys.all()}

    def dns(name, timeout=5):
        return records[name.decode()]

    count = len(signatures(mail))
    return [dkimpy.DKIM(mail).verify(idx=index, dnsfunc=dns) for index in range(count)]


@pytest.mark.parametrize("algorithms", [(RSA_2048,), (ED25519,), (RSA_2048, ED25519)])
def test_a_bulk_message_byte_for_byte(wire, names, news, algorithms):
    domain = make_domain(names, *algorithms, workspace=news.workspace)

    mail = arrived(wire, news)

    unsigned = mail[mail.index(b"From: ") :]
    head, _, body = unsigned.partition(b"\r\n\r\n")
    lines = re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
    assert [line.partition(b": ")[0].decode() for line in lines] == [
        *("From", "To", "Reply-To", "Subject", "Date", "Message-ID"),
        *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID"),
        *("Precedence", "Auto-Submitted", "X-Auto-Response-Suppress"),
        *("MIME-Version", "Content-Type"),
    ]
    patterns = [
        r"From: =\?utf-8\?q\?Mi=C3=A9_at_Harbour\?= <mie@harbour\.example>",
        r"To: Ada Lovelace <person-\d+@example\.com>",
        r"Reply-To: help@harbour\.example",
        r"Subject: Hello Ada",
        r"Date: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} \+0000",
        r"Message-ID: <[a-z2-7]{32}@harbour\.example>",
        r"List-Id: Harbour news <news\.harbour\.harbour\.example>",
        r"List-Unsubscribe: <https://links\.harbour\.example/[\w./-]+>,"
        r" <mailto:u\+\w+-[a-z2-7]{45}@bounce\.harbour\.example>",
        r"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        r"Feedback-ID: 1:harbour:campaign:emailseq",
        r"Precedence: bulk",
        r"Auto-Submitted: auto-generated",
        r"X-Auto-Response-Suppress: OOF, AutoReply",
        r"MIME-Version: 1\.0",
        r'Content-Type: multipart/alternative; boundary="=_part"',
    ]
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line.decode()), line

    [sender] = [entry["from"] for entry in wire.journal]
    assert re.fullmatch(r"b\+\w+-[a-z2-7]{45}@bounce\.harbour\.example", sender)
    assert len(sender.rpartition("@")[0]) <= 64

    assert body.startswith(b"--=_part\r\nContent-Type: text/plain; charset=utf-8\r\n")
    assert mail.isascii()
    assert mail.replace(b"\r\n", b"").count(b"\r") == mail.replace(b"\r\n", b"").count(b"\n") == 0
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    assert max(map(len, mail[: mail.index(b"\r\n\r\n")].split(b"\r\n"))) <= 200

    keys = {key.algorithm: key for key in domain.keys.all()}
    names_of = {RSA_2048: "rsa-sha256", ED25519: "ed25519-sha256"}
    assert signatures(mail) == [
        (names_of[each], "harbour.example", keys[each].selector) for each in algorithms
    ]
    assert verified(mail, domain) == [True] * len(algorithms)


def test_the_ways_back_name_the_message_and_its_reader(wire, names, news):
    make_domain(names, workspace=news.workspace)

    mail = arrived(wire, news)

    message = SendLedger.objects.get()
    tag = return_path.tag(message.subscriber.address_key)
    bounce = return_path.read(wire.journal[0]["from"])
    [leave] = re.findall(rb"<mailto:([^>]+)>", mail)
    domain = "bounce.harbour.example"
    assert bounce == ("b", message.pk, tag, domain)
    assert return_path.read(leave.decode()) == ("u", message.pk, tag, domain)


@pytest.mark.parametrize("lacks", ["a server", "a check"])
def test_without_somewhere_to_come_back_to_mail_comes_back_to_its_sender(wire, names, news, lacks):
    domain = make_domain(names, workspace=news.workspace)
    if lacks == "a server":
        del names.zone["bounce.harbour.example", "MX"]
        domains.check_domain(domain, by=SYSTEM)
    else:
        domains.update_domain(domain, bounce_domain="back.harbour.example", by=SYSTEM)

    mail = arrived(wire, news)

    assert [entry["from"] for entry in wire.journal] == ["mie@harbour.example"]
    assert b"mailto:" not in mail


def test_a_strict_parser_reads_it_back_the_same(wire, names, news):
    make_domain(names, workspace=news.workspace)
    content = {
        "template__subject": "Flut für {{ subscriber.first_name }}",
        "template__html": "<p>{{ subscriber.first_name }}, die Flut kommt: 100 % Grüße 🚢</p>",
    }

    mail = arrived(wire, news, **content)

    message = email.message_from_bytes(mail, policy=email.policy.strict.clone(utf8=True))
    assert [part.defects for part in message.walk() if part.defects] == []
    assert message["Subject"] == "Flut für Ada"
    assert message["From"].addresses[0].display_name == "Mié at Harbour"
    assert "Ada, die Flut kommt: 100 % Grüße 🚢" in message.get_body(("html",)).get_content()
    assert "Ada, die Flut kommt: 100 % Grüße 🚢" in message.get_body(("plain",)).get_content()
    plain, html_part = (part.get_payload(decode=True) for part in message.iter_parts())
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert b"\r\n" in plain
    assert html_part.decode().count("🚢") == 1


def queue_from(address, news):
    queue(make_audience(1, on=news), on=news)
    SenderIdentity.objects.update(email=address)


def test_mail_from_below_a_domain_is_signed_by_it(wire, names, news):
    parent = make_domain(names, workspace=news.workspace)
    queue_from("mie@news.harbour.example", news)

    wire.send()

    assert signatures(wire.mails[0])[0][1] == "harbour.example"
    assert verified(wire.mails[0], parent) == [True]


def test_the_closest_domain_signs(wire, names, news):
    make_domain(names, workspace=news.workspace)
    closest = make_domain(names, workspace=news.workspace, name="news.harbour.example")
    queue_from("mie@news.harbour.example", news)

    wire.send()

    assert signatures(wire.mails[0])[0][1] == "news.harbour.example"
    assert verified(wire.mails[0], closest) == [True]


def test_others_do_not_sign(wire, names, news):
    make_domain(names, name="harbour.example")  # of another workspace
    make_domain(names, workspace=news.workspace, name="arbour.example")
    make_domain(names, workspace=news.workspace, name="other.example")
    waiting = domains.create_domain(news.workspace, name="harbour.example", by=SYSTEM)
    assert [key.state for key in waiting.keys.all()] == ["new"]

    mail = arrived(wire, news)

    assert mail.startswith(b"From: ")
    assert b"DKIM-Signature" not in mail


def test_without_its_key_nothing_leaves_and_nothing_is_lost(wire, names, news, settings):
    make_domain(names, workspace=news.workspace)
    queue(make_audience(1, on=news), on=news)
    settings.FIELD_KEYS = {"k9": "another key"}

    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        wire.send()

    assert wire.mails == []
    assert Outbox.objects.get().wire_at is None
    assert not SendLedger.objects.exists()
