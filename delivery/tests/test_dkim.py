from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import dkim as dkimpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery import dkim
from delivery.dkim import ED25519, RSA_2048, Signer
from delivery.tests.test_envelope import LETTERHEAD, TEXT, TRANSACTIONAL, written

AT = datetime(2026, 11, 24, 9, 0, 3, tzinfo=UTC)
KEYS = {algorithm: dkim.new_key(algorithm) for algorithm in (RSA_2048, ED25519)}
SIGNERS = {
    algorithm: Signer.of("news.harbour.example", f"e{number}", KEYS[algorithm])
    for number, algorithm in enumerate(KEYS)
}
BOTH = [*SIGNERS.values()]


def dns(name, timeout=5):
    """What another implementation finds in DNS."""
    records = {
        f"{signer.selector}._domainkey.{signer.domain}.": dkim.public_record(KEYS[algorithm])
        for algorithm, signer in SIGNERS.items()
    }
    return records[name.decode()].encode()


def verified(message):
    """Which of the signatures, from the top, another implementation accepts."""
    arrived = message if message.endswith(b"\r\n") else message + b"\r\n"  # as SMTP has it
    count = len(re.findall(rb"^DKIM-Signature:", arrived, re.MULTILINE))
    return [accepted(arrived, index) for index in range(count)]


def accepted(message, index):
    try:
        return dkimpy.DKIM(message).verify(idx=index, dnsfunc=dns)
    except dkimpy.ValidationError:  # the hash of the body is another
        return False


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_another_implementation_accepts_it(algorithm):
    message = dkim.sign(written(), [SIGNERS[algorithm]], at=AT)

    assert verified(message) == [True]
    assert message.endswith(written())


def test_a_signature_byte_for_byte():
    signed = dkim.sign(written(), [SIGNERS[RSA_2048]], at=AT)
    head, _, rest = signed.partition(b"\r\n b=")

    assert head.decode().split("\r\n") == [
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;",
        " d=news.harbour.example; s=e0; t=1795510803;",
        " h=From:From:To:Reply-To:Subject:Subject:Date:Date:Message-ID:MIME-Version:",
        " Content-Type:List-Id:List-Unsubscribe:List-Unsubscribe-Post:Feedback-ID;",
        " bh=WzZ42twVQgTWGHLuThrp+zBNItDDy0Dm0Af5vusWGHs=;",
    ]
    signature = rest[: rest.index(b"From: ")]
    assert re.fullmatch(rb"(?:[\w+/=]{1,72}\r\n ?){5}", signature)
    assert signature.count(b"\r\n ") == 4


def test_two_keys_sign_one_message():
    message = dkim.sign(written(), BOTH, at=AT)

    assert verified(message) == [True, True]
    assert re.findall(rb"a=(\S+);", message) == [b"rsa-sha256", b"ed25519-sha256"]
    assert max(map(len, message.split(b"\r\n"))) <= 78


def test_no_key_changes_nothing():
    assert dkim.sign(written(), [], at=AT) == written()


def test_a_message_without_a_list_is_signed_as_such():
    plain = written(TRANSACTIONAL, unsubscribe_url=None, html_qp=[])
    message = dkim.sign(plain, BOTH, at=AT)

    assert verified(message) == [True, True]
    added = message.replace(b"\r\nMIME-V", b"\r\nList-Unsubscribe: <https://x.test>\r\nMIME-V")
    assert verified(added) == [False, False]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Your berth is ready", b"Your berth is gone"),
        (b"mie@news", b"eve@news"),
        (b"To: Ines", b"To: Eve"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Clicks"),
        (b"u/v1.k1.u", b"u/v1.k2.u"),
        (b"Feedback-ID: s81", b"Feedback-ID: s82"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b"Gr=C3=BC", b"Gr=C3=BD"),
        (b"From: ", b"From: eve@example.net\r\nFrom: "),
        (b"\r\nSubject: ", b"\r\nSubject: Free money\r\nSubject: "),
        (b"\r\nDate: ", b"\r\nDate: Wed, 25 Nov 2026 09:00:03 +0000\r\nDate: "),
        (b"--=_part--\r\n", b"--=_part--\r\nMore\r\n"),
    ],
)
def test_what_was_changed_on_the_way_is_noticed(before, after):
    message = dkim.sign(written(), BOTH, at=AT)
    assert message.count(before)

    assert verified(message.replace(before, after)) == [False, False]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Subject: Your berth", b"SUBJECT:   Your \t\r\n berth"),
        (b"Gr=C3=BC=C3=9Fe=20\r\n", b"Gr=C3=BC=C3=9Fe=20  \t\r\n"),
        (b"--=_part--\r\n", b"--=_part--\r\n\r\n\r\n"),
        (b"Precedence: bulk", b"Received: from x\r\nPrecedence: bulk"),
    ],
)
def test_what_servers_do_to_messages_breaks_nothing(before, after):
    message = dkim.sign(written(), BOTH, at=AT)
    assert before in message

    assert verified(message.replace(before, after)) == [True, True]


# Any body and any header that may go over the wire

LINES = st.lists(st.text("ab.:;= \t=\xa0\x0b\x0c", max_size=12).map(str.encode), max_size=8).map(
    b"\r\n".join
)


@given(LINES, LINES)
@example(b"", b"")
@example(b" \r\n\t\r\n", b"\r\n\r\n")
@example(b".", b"no line end")
@example(b"trailing \t ", b"\r\n\r\n  x  ")
def test_every_body_is_signed(text, html):
    message = dkim.sign(written(text_qp=[text], html_qp=[html] if html else []), BOTH, at=AT)

    assert verified(message) == [True, True]


@given(TEXT, TEXT.filter(str.strip), TEXT)
def test_every_header_is_signed(subject, name, topic):
    letterhead = replace(LETTERHEAD, list_id=(topic, "a.b.test"))
    message = dkim.sign(written(letterhead, subject=subject, to_name=name), BOTH, at=AT)

    assert verified(message) == [True, True]


@given(
    st.lists(st.text("ab:;, \t=", max_size=30).map(str.encode), min_size=1, max_size=4),
    LINES,
)
def test_every_folding_is_signed(lines, body):
    value = b"\r\n ".join(line.strip() or b"x" for line in lines)
    message = b"From: a@b.example\r\nSubject:" + value + b"\r\nsubject: \t2\r\n\r\n" + body

    assert verified(dkim.sign(message, BOTH, at=AT)) == [True, True]
