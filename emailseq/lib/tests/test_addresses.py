from __future__ import annotations

import contextlib

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from emailseq.lib import addresses
from emailseq.lib.addresses import BadAddress, parse

LOCALS = st.text("abZ09_+'-.", min_size=1, max_size=8)
LABELS = st.text("abZ09-", min_size=1, max_size=6)
PLAIN = st.builds("{}@{}.{}".format, LOCALS, LABELS, st.sampled_from(["com", "a.de", "local", "1"]))
DOMAINS = st.sampled_from(["example.com", "STRASSE.de", "straße.de", "укр.ua", "x.test", "ex。am"])
ANY = st.builds("{}@{}".format, st.text(max_size=70), DOMAINS) | PLAIN


@pytest.mark.parametrize(
    ("text", "email", "key"),
    [
        ("ada@example.com", "ada@example.com", "ada@example.com"),
        (" ada@example.com\r\n", "ada@example.com", "ada@example.com"),
        ("Ada.Lovelace@Example.COM", "Ada.Lovelace@example.com", "ada.lovelace@example.com"),
        ("a+tag@example.com", "a+tag@example.com", "a+tag@example.com"),
        ("o'hara@example.com", "o'hara@example.com", "o'hara@example.com"),
        ("=cmd|calc@example.com", "=cmd|calc@example.com", "=cmd|calc@example.com"),
        ("u@straße.de", "u@xn--strae-oqa.de", "u@xn--strae-oqa.de"),
        ("u@xn--strae-oqa.de", "u@xn--strae-oqa.de", "u@xn--strae-oqa.de"),
        ("u@STRASSE.de", "u@strasse.de", "u@strasse.de"),
        ("ß@example.com", "ß@example.com", "ß@example.com"),
        ("почта@укр.ua", "почта@xn--j1amh.ua", "почта@xn--j1amh.ua"),
        ("Ünal@example.com", "Ünal@example.com", "ünal@example.com"),
        ("e\u0301@example.com", "é@example.com", "é@example.com"),
        ("é@x.test", "é@x.test", "é@x.test"),
        ("e@x.test", "e@x.test", "e@x.test"),
        ("a" * 64 + "@x.com", "a" * 64 + "@x.com", "a" * 64 + "@x.com"),
    ],
)
def test_an_address_has_one_shape_and_one_key(text, email, key):
    assert parse(text) == (email, key)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must have an @-sign"),
        ("ada", "must have an @-sign"),
        ("@example.com", "something before the @-sign"),
        ("a@", "something after the @-sign"),
        ("a@b@example.com", "invalid characters: '@'"),
        ("a b@example.com", "SPACE"),
        ("a@example.com b@example.com", "SPACE"),
        ("-oQ/tmp@x.com", "starts with a hyphen"),
        ("-a@example.com", "starts with a hyphen"),
        ("a@example.com\u200b", "ZERO WIDTH SPACE"),
        ("\ufeffb@example.com", "ZERO WIDTH NO-BREAK SPACE"),
        ("\u202eevil@example.com", "RIGHT-TO-LEFT OVERRIDE"),
        ("a" * 65 + "@x.com", "too long before the @-sign"),
        ("a" * 250 + "@x.com", "longer than 254"),
        ("a\0@x.com", "U+0000"),
        ("a@x.com\0", "U+0000"),
        ("\ud800@x.com", "U+D800"),
        ("a@x.com\r\nBcc: b@x.com", "U+000A"),
        ("a\r\nBcc: b@x.com", "U+000A"),
        ("a@x.com\nb@x.com", "U+000A"),
        ('"a b"@x.com', "Quoting"),
        ('"a@b"@x.com', "Quoting"),
        ("a..b@x.com", "two periods"),
        (".a@x.com", "start with a period"),
        ("a.@x.com", "period immediately before"),
        ("a@x.com.", "end with a period"),
        ("a@-x.com", "hyphen immediately after"),
        ("a@x", "should have a period"),
        ("a@1.2.3.4", "top-level domain"),
        ("a@[127.0.0.1]", "bracketed IP"),
        ("a@ex--ample.com", "two dashes"),
        ("a@mail.local", "special-use"),
        ("a@1.0.0.127.in-addr.arpa", "special-use"),
        ("<a@x.com>", "angle brackets"),
        ("Ada <a@x.com>", "angle brackets"),
        ("mailto:a@x.com", "':'"),
    ],
)
def test_what_cannot_be_mailed_is_refused_with_a_reason(text, why):
    with pytest.raises(BadAddress, match=why.replace("[", r"\[").replace("+", r"\+")):
        parse(text)


@given(ANY)
@example("İ@x.com")
@example("ǰ@x.com")
def test_parsing_is_idempotent(text):
    try:
        address = parse(text)
    except BadAddress:
        assume(False)

    assert parse(address.email) == address
    assert parse(address.key).key == address.key


@given(PLAIN)
@example("a" * 65 + "@x.com")
@example("a@" + "x" * 64 + ".com")
def test_the_fast_path_agrees_with_the_full_parser(text):
    def outcome(parser):
        try:
            return parser(text)
        except BadAddress as error:
            return str(error)

    assert outcome(parse) == outcome(addresses._strict)


@given(st.text(max_size=300) | st.text('a@.-\0\r\n"<>é\ud800', max_size=80))
def test_nothing_but_bad_address_is_ever_raised(text):
    with contextlib.suppress(BadAddress):
        email, key = parse(text)

        assert len(email) <= 254
        assert len(key) <= 254
        assert not set(email) & set("\0\r\n ")
