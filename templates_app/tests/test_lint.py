from __future__ import annotations

import pytest

from templates_app import lint
from templates_app.rendering import Preview

WORDS = (
    "A harbour has water, boats, a pier and people who like to read about all of it, "
    "every single day."
)
HTML = '<div style="display:none">Boats!</div>' + WORDS


def codes(html: str = HTML, *, subject: str = "News from the pier", **others) -> list[str]:
    shown = Preview(subject, html, others.pop("text", WORDS))
    found = {"size": 2_000, "bare_subject": subject, **others}
    return [each.code for each in lint.warnings(lint.Piece(lint.read(html), shown, **found))]


def test_good_mail_is_left_alone():
    good = HTML + '<a href="https://harbour.org/a?b={{ subscriber.b }}">x</a><img src="" alt="">'

    assert (
        codes(good + '<a href="{{ links.unsubscribe }}">x</a><a href="mailto:a@b.co">x</a>') == []
    )


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("x" * 60, []),
        ("x" * 61, ["subject_long"]),
        ("BOATS AHOY today", []),
        ("BOATS AHOY TODAY", ["subject_capitals"]),
        ("ÜBER BÖEN", ["subject_capitals"]),
        ("AHOY ÄÖ", []),
        ("Ahoy!", []),
        ("Ahoy! Boats!", ["subject_exclaims"]),
        ("Act now, sailor", ["spam_phrase"]),
        ("React now", []),
        ("Winner", ["spam_phrase"]),
        ("Winners", []),
        ("Sie haben gewonnen", ["spam_phrase"]),
    ],
)
def test_the_subject(subject, expected):
    assert codes(subject=subject) == expected


def test_a_subject_that_is_empty_or_said_before():
    assert codes(bare_subject=" ") == ["subject_empty"]
    assert codes(earlier=["news from the  pier"]) == []
    assert codes(earlier=["Other", " NEWS from the pier"]) == ["subject_repeated"]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("http://harbour.org/", ["link_insecure"]),
        ("HTTP://harbour.org/", ["link_insecure"]),
        ("https://www.example.com/a", ["link_placeholder"]),
        ("https://example.company/a", []),
        ("https://pier.example/", ["link_placeholder"]),
        ("https://localhost:8000/", ["link_placeholder"]),
        ("https://10.0.0.7/", ["link_placeholder"]),
        ("https://[::1]/", ["link_placeholder"]),
        ("https://1.1.1.1/", []),
        ("https://bit.ly/x", ["link_shortened"]),
        ("https://orbit.ly/x", []),
        ("http://bit.ly/x", ["link_insecure", "link_shortened"]),
        ("#", ["link_empty"]),
        (" ", ["link_empty"]),
        ("#top", []),
        ("{{ links.unsubscribe }}", []),
    ],
)
def test_links(link, expected):
    assert codes(f'{HTML}<a href="{link}">x</a>') == expected
    assert codes(f'{HTML}{{% if false %}}<a href="{link}">x</a>{{% endif %}}') == expected
    assert codes(f'{HTML}<!--[if mso]><a href="{link}">x</a><![endif]-->') == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<img src="https://a.org/b.png">', ["image_alt_missing"]),
        ('<img src="https://a.org/b.png" alt>', []),
        ('<img src="http://a.org/b.png" alt="b">', ["image_insecure"]),
        ('<img src="data:image/png;base64,AA" alt="b">', ["image_inline"]),
        ("<script>1</script><form></form><FORM></FORM>", ["element_ignored"]),
    ],
)
def test_pictures_and_elements(html, expected):
    assert codes(HTML + html) == expected


def test_pictures_are_weighed_once_each():
    two = HTML + '<img src="https://a.org/1" alt=""><img src="https://a.org/2" alt="">' * 2
    half = 512 * 1024

    assert codes(two, weights={"https://a.org/1": half, "https://a.org/2": half}) == []
    assert codes(two, weights={"https://a.org/1": half, "https://a.org/2": half + 1}) == [
        "image_heavy"
    ]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (90 * 1024, []),
        (90 * 1024 + 1, ["size_near"]),
        (102 * 1024, ["size_near"]),
        (102 * 1024 + 1, ["size_clipped"]),
    ],
)
def test_size(size, expected):
    assert codes(size=size) == expected


@pytest.mark.parametrize(
    ("html", "text", "expected"),
    [
        (HTML, "", ["text_missing"]),
        (HTML, "one two three", ["words_few"]),
        (HTML, "w " * 19, ["words_few"]),
        (HTML, "w " * 20, []),
        ("<p>Hello</p>", WORDS, ["preheader_missing"]),
        ('<body><div style="display: none">&nbsp;\u200c</div>Hello', WORDS, ["preheader_missing"]),
        ("<title>T</title><style>p{}</style><p style='DISPLAY:NONE'>Boats</p>Hello", WORDS, []),
        ("", WORDS, []),
    ],
)
def test_words(html, text, expected):
    assert codes(html, text=text) == expected


def test_a_finding_names_a_few_of_what_it_is_about():
    html = "".join(f'<a href="http://{name}.org/">x</a>' * 2 for name in "abcde")
    shown = Preview("x", HTML, WORDS)

    [found] = lint.warnings(lint.Piece(lint.read(html), shown, 1, "x"))

    assert (found.pointer, found.detail) == (
        "/html",
        "Links begin with https: “http://a.org/”, “http://b.org/”, “http://c.org/” and 2 more.",
    )
