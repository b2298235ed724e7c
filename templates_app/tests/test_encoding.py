from __future__ import annotations

import quopri
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_app import rendering
from templates_app.compiler import compile_template, piece, quoted_printable
from templates_app.tests.factories import addresses

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
LINES = st.text("x=é .\n", min_size=60, max_size=160)  # around the longest line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b""),
        ("plain", b"plain"),
        ("a = b", b"a =3D b"),
        ("é€", b"=C3=A9=E2=82=AC"),
        ("one\ntwo\r\nthree\rfour", b"one\r\ntwo\r\nthree\r\nfour"),
        ("blank \ntab\t", b"blank=20\r\ntab=09"),
        (".\n..", b"=2E\r\n.."),
        ("x" * 75, b"x" * 75),
        ("x" * 76, b"x" * 75 + b"=\r\nx"),
        ("x" * 76 + "\n", b"x" * 76 + b"\r\n"),
        ("x" * 74 + "é", b"x" * 74 + b"=\r\n=C3=A9"),
        ("x" * 73 + " ", b"x" * 73 + b"=\r\n=20"),
        ("x" * 75 + "\t", b"x" * 75 + b"=\r\n=09"),
        ("x" * 74 + " \ny", b"x" * 74 + b"=\r\n=20\r\ny"),
    ],
)
def test_quoted_printable(text, expected):
    assert quoted_printable(text) == expected


def test_a_piece_ends_in_a_soft_break_unless_it_is_empty():
    assert [piece(text) for text in ("Hello ", "", "!")] == [b"Hello=20=\r\n", b"", b"!=\r\n"]


@given(st.lists(TEXT | LINES))
def test_what_is_encoded_in_parts_decodes_as_a_whole(parts):
    encoded = b"".join(map(piece, parts))

    # A part is a value or a stretch of source: line ends are made equal in each on its own.
    plain = [part.replace("\r\n", "\n").replace("\r", "\n") for part in parts]
    assert quopri.decodestring(encoded).replace(b"\r\n", b"\n").decode() == "".join(plain)
    assert encoded.isascii()
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert b"\n" not in encoded.replace(b"\r\n", b"")


@given(TEXT, TEXT)
def test_a_mail_reader_sees_the_plain_rendering(first, second):
    compiled = compile_template(
        subject="x", html="", text="A {{ subscriber.a }} = ü\n{{ subscriber.b }}. "
    )

    parts = rendering.render(compiled, {"subscriber": {"a": first, "b": second}}, addresses())

    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"
    read = message_from_bytes(b"\r\n\r\n".join([head, b"".join(parts.text_qp)])).get_payload(
        decode=True
    )
    a, b = (part.replace("\r\n", "\n").replace("\r", "\n") for part in (first, second))
    assert read.replace(b"\r\n", b"\n").decode() == f"A {a} = ü\n{b}. "
    assert parts.html_qp == []


def test_the_bytes_of_a_message():
    compiled = compile_template(
        subject="Hi {{ subscriber.name }}",
        html="<p>Hällo {{ subscriber.name }}, {% if subscriber.vip %}dear{% endif %}</p>",
        text="Hi {{ subscriber.name }}\n",
    )

    parts = rendering.render(
        compiled,
        {"subscriber": {"name": "Jörg & Ann", "vip": True}},
        addresses(pixel="https://t.example/o=1"),
    )

    assert parts.subject == "Hi Jörg & Ann"
    assert b"".join(parts.text_qp) == b"Hi=20=\r\nJ=C3=B6rg & Ann=\r\n\r\n=\r\n"
    assert b"".join(parts.html_qp) == (
        b"<html><head></head><body><p>H=C3=A4llo=20=\r\n"
        b"J=C3=B6rg &amp; Ann=\r\n"
        b",=20=\r\n"
        b"dear=\r\n"
        b"</p>=\r\n"
        b'<img src=3D"=\r\n'
        b"https://t.example/o=3D1=\r\n"
        b'" width=3D"1" height=3D"1" alt=3D"" style=3D"display:block">=\r\n'
        b"</body></html>=\r\n"
    )
