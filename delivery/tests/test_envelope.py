from __future__ import annotations

import email
import email.policy
import hmac
import json
from base64 import b32encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.envelope import HeaderError, Letterhead, assemble, message_id

LETTERHEAD = Letterhead(
    from_name="Mié at Harbour",
    from_email="mie@news.harbour.example",
    reply_to="help@harbour.example",
    list_id=("Harbour onboarding", "onboarding.harbour.news.harbour.example"),
    feedback_id="s81:harbour:sequence:emailseq",
    one_click=True,
)
TRANSACTIONAL = replace(LETTERHEAD, from_name="", reply_to="", list_id=None, one_click=False)
MESSAGE = {
    "to_name": "Ines Okafor",
    "to_email": "ines@example.net",
    "subject": "Your berth is ready",
    "date": datetime(2026, 11, 24, 9, 0, 3, tzinfo=UTC),
    "message_id": "<mzq4t7ya@news.harbour.example>",
    "unsubscribe_url": "https://news.harbour.example/u/v1.k1.u.Q7f",
    "text_qp": [b"Gr=C3=BC=C3=9F", b"e=20\r\n"],
    "html_qp": [b"<p>Gr=C3=BC=C3=9Fe</p>\r\n"],
}


def written(letterhead=LETTERHEAD, **changes):
    return assemble(letterhead, **{**MESSAGE, **changes})


def parsed(data):
    """The message as another implementation reads it, having found nothing wrong with it."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def test_a_bulk_message_byte_for_byte():
    assert written() == (
        b"From: =?utf-8?q?Mi=C3=A9_at_Harbour?= <mie@news.harbour.example>\r\n"
        b"To: Ines Okafor <ines@example.net>\r\n"
        b"Reply-To: help@harbour.example\r\n"
        b"Subject: Your berth is ready\r\n"
        b"Date: Tue, 24 Nov 2026 09:00:03 +0000\r\n"
        b"Message-ID: <mzq4t7ya@news.harbour.example>\r\n"
        b"List-Id: Harbour onboarding <onboarding.harbour.news.harbour.example>\r\n"
        b"List-Unsubscribe: <https://news.harbour.example/u/v1.k1.u.Q7f>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        b"Feedback-ID: s81:harbour:sequence:emailseq\r\n"
        b"Precedence: bulk\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"X-Auto-Response-Suppress: OOF, AutoReply\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="=_part"\r\n'
        b"\r\n"
        b"--=_part\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Gr=C3=BC=C3=9Fe=20\r\n"
        b"\r\n"
        b"--=_part\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"<p>Gr=C3=BC=C3=9Fe</p>\r\n"
        b"\r\n"
        b"--=_part--\r\n"
    )


def test_one_may_leave_by_mail_beside_the_url():
    data = written(unsubscribe_by_mail="u+k1-p3xw@bounce.news.harbour.example")

    assert (
        b"\r\nList-Unsubscribe: <https://news.harbour.example/u/v1.k1.u.Q7f>,"
        b"\r\n <mailto:u+k1-p3xw@bounce.news.harbour.example>"
        b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    ) in data
    assert b"mailto" not in written(TRANSACTIONAL, unsubscribe_by_mail="u@x.example")


def test_a_transactional_message_has_no_list_and_text_alone_is_no_multipart():
    assert written(TRANSACTIONAL, unsubscribe_url=None, to_name="", html_qp=[]) == (
        b"From: mie@news.harbour.example\r\n"
        b"To: ines@example.net\r\n"
        b"Subject: Your berth is ready\r\n"
        b"Date: Tue, 24 Nov 2026 09:00:03 +0000\r\n"
        b"Message-ID: <mzq4t7ya@news.harbour.example>\r\n"
        b"Feedback-ID: s81:harbour:sequence:emailseq\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"X-Auto-Response-Suppress: OOF, AutoReply\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Gr=C3=BC=C3=9Fe=20\r\n"
    )


def test_another_implementation_reads_the_same():
    message = parsed(written())

    assert message["From"].addresses[0].display_name == "Mié at Harbour"
    assert message["To"].addresses[0].addr_spec == "ines@example.net"
    assert message["Date"].datetime == MESSAGE["date"]
    assert [part.get_content() for part in message.iter_parts()] == [
        "Grüße \r\n",
        "<p>Grüße</p>\r\n",
    ]


def test_dates_are_utc():
    lagos = timezone(timedelta(hours=1))

    assert written(date=datetime(2026, 11, 24, 10, 0, 3, tzinfo=lagos)) == written()


def test_a_message_id_depends_on_key_and_message_alone():
    ids = {
        message_id(key, name, "news.harbour.example")
        for key in (b"k1", b"k2")
        for name in ("sequence:1:welcome:0:5", "sequence:1:welcome:1:5")
    }

    assert len(ids) == 4
    digest = hmac.digest(b"k1", b"sequence:1:welcome:0:5", "sha256")
    name = b32encode(digest[:20]).decode().lower()
    assert f"<{name}@news.harbour.example>" in ids
    assert all(written(message_id=name) for name in ids)


# Any text, and nothing but text

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)


@given(TEXT)
@example("")
@example("a" * 2000)
@example("word " * 300 + "end")
@example(" two  blanks ")
@example("=?utf-8?q?not_encoded?=")
@example("🚢" * 100)
@example("Ein Liegeplatz für März, größer und schöner, und wir freuen uns sehr auf Sie" * 3)
@example("https://news.harbour.example/" + "x" * 871)
def test_every_subject_arrives(subject):
    data = written(subject=subject)
    head = data[: data.index(b"Date: ")]

    assert head.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert parsed(data)["Subject"] == subject
    assert all(len(word) <= 75 for word in head.split() if word.startswith(b"=?"))
    if subject.isprintable() and max(map(len, subject.split(" "))) < 60:
        assert max(map(len, head.split(b"\r\n"))) <= 78


def decoded(name, data):
    """A header by the older of Python's two parsers, which joins encoded words in phrases too."""
    raw = email.message_from_bytes(data)[name].replace("\r\n", "")
    return str(make_header(decode_header(raw)))


@given(TEXT.filter(str.strip))
@example("Ines Okafor")
@example("Jürgen Müller-Lüdenscheidt, Kapitän zur See und Freund großer Schiffe")
@example("=?utf-8?q?Ines?=")
@example("  Ines  ")
@example("🚢" * 100)
def test_every_name_arrives(name):
    data = written(to_name=name)

    assert parsed(data)["To"].addresses[0].addr_spec == "ines@example.net"
    if not data[: data.index(b"Reply-To")].count(b'"'):
        assert decoded("To", data) == f"{name} <ines@example.net>"


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ('Ines "the sailor" O\\Kafor', r'"Ines \"the sailor\" O\\Kafor"'),
        ("Okafor, Ines", '"Okafor, Ines"'),
        ("Ines <eve@example.net>", '"Ines <eve@example.net>"'),
        ("J. Smith", '"J. Smith"'),
    ],
)
def test_a_name_of_special_characters_is_quoted(name, quoted):
    data = written(to_name=name)

    assert f"\r\nTo: {quoted} <ines@example.net>\r\n".encode() in data
    assert parsed(data)["To"].addresses[0].display_name == name


def test_naughty_strings_arrive_or_are_refused():
    folder = Path(__file__).resolve().parents[3] / "shared/corpora/naughty-strings"
    if not folder.is_dir():
        pytest.skip("the corpus is not here")
    refused = 0

    for text in naughty(folder):
        try:
            data = written(subject=text, to_name=text)
        except HeaderError:
            assert any(ord(char) < 32 or char == "\x7f" for char in text)
            refused += 1
        else:
            assert len(email.message_from_bytes(data).keys()) == 15
            assert decoded("Subject", data) == text

    assert refused > 0


def naughty(folder):
    for path in sorted(folder.glob("*.json")):
        yield from json.loads(path.read_text())


CONTROLS = ["\r\n", "\n", "\r", "\0", "\t", "\x1b", "\x7f", "\ud800", "\r\nBcc: eve@example.net"]


PLACES = {
    "subject": lambda text: written(subject=text),
    "to_name": lambda text: written(to_name=text),
    "from_name": lambda text: written(replace(LETTERHEAD, from_name=text)),
    "list_name": lambda text: written(replace(LETTERHEAD, list_id=(text, "l.x.test"))),
    "feedback_id": lambda text: written(replace(LETTERHEAD, feedback_id=text)),
}


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("place", PLACES)
def test_no_value_can_add_a_header(place, control):
    with pytest.raises(HeaderError):
        PLACES[place](f"Hello{control}")


@pytest.mark.parametrize(
    "changes",
    [
        {"to_email": "ines@example.net>, <eve@example.net"},
        {"to_email": "ines@example.net\r\nBcc: eve@example.net"},
        {"to_email": "ines@straße.example"},
        {"to_email": "ines, eve@example.net"},
        {"to_email": ""},
        {"to_email": "i" * 320 + "@example.net"},
        {"message_id": "<a@b>\r\nBcc: eve@example.net"},
        {"message_id": "a@b"},
        {"unsubscribe_url": None},
        {"unsubscribe_url": ""},
        {"unsubscribe_url": "https://x.test/>, <https://y.test/"},
        {"unsubscribe_url": "https://x.test/a b"},
        {"unsubscribe_url": "javascript:alert(1)"},
        {"unsubscribe_url": "https://x.test/" + "u" * 800},
        {"unsubscribe_by_mail": "u@x.test>, <https://y.test/"},
        {"unsubscribe_by_mail": "u@x.test\r\nBcc: eve@example.net"},
        {"unsubscribe_by_mail": "u" * 320 + "@x.test"},
    ],
)
def test_a_value_of_the_wrong_form_is_refused(changes):
    with pytest.raises(HeaderError):
        written(**changes)


def test_a_list_id_is_a_dot_atom():
    with pytest.raises(HeaderError):
        written(replace(LETTERHEAD, list_id=("List", "l.x.test>")))


def test_a_local_part_beyond_ascii_stands_as_it_is():
    assert "To: Ines Okafor <инес@example.net>\r\n".encode() in written(to_email="инес@example.net")
