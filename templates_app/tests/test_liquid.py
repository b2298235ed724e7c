from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid import Environment

from templates_app import liquid
from templates_app.liquid import TEXT, Scope, TemplateError


def printed(source: str, **data: object) -> str:
    marked = "".join(
        piece.escaped("_plain") if piece.kind == "output" else piece.source
        for piece in liquid.pieces(source)
    )
    return "".join(liquid.compiled(marked, TEXT)(Scope(data)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ name | default: 'you' }}", "you"),
        ("{{ zero | default: 'x' }}", "0"),
        ("{{ no | default: 'x' }}", "x"),
        ("{{ no | default: 'x', allow_false: true }}", "false"),
        ("{{ none | default: 'x' }}{{ empty | default: 'y' }}", "xy"),
        ("{{ word | upcase | append: '!' }}", "TEA!"),
        ("{{ word.nothing.at.all }}{{ word[0] }}{{ zero.x }}", ""),
        ("{{ word.size }}{{ list.first }}{{ list.last }}{{ list[1] }}", "3acb"),
        ("{% if none == blank %}b{% endif %}{% if nothing == '' %}e{% endif %}", "be"),
        ("{% if none != empty %}x{% endif %}{% if '' != nothing %}y{% endif %}", ""),
        ("{% if word != blank and word != '' %}there{% endif %}", "there"),
        (
            "{% if word[9] == blank %}b{% endif %}{% if zero == blank or no == '' %}x{% endif %}",
            "b",
        ),
        ("{% if none > 1 %}x{% else %}lenient{% endif %}", "lenient"),
        ("{% if nothing contains 'x' %}x{% else %}lenient{% endif %}", "lenient"),
        ("{% for each in nothing %}x{% else %}none{% endfor %}", "none"),
        ("{% for each in list %}{{ forloop.index }}{{ each }}{% endfor %}", "1a2b3c"),
        ("{% for n in (1..9) %}{% if n == 3 %}{% break %}{% endif %}{{ n }}{% endfor %}", "12"),
        ("{% case word %}{% when 'tea' %}hot{% else %}cold{% endcase %}", "hot"),
        ("{% unless no %}yes{% endunless %}", "yes"),
        ("{% assign x = word | capitalize %}{{ x }}", "Tea"),
        ("{% assign x = people | first %}{{ x.name }}", "Ann"),
        ("{% capture x %}a{{ word }}{% endcapture %}{{ x }}{{ x }}", "ateaatea"),
        ("a {%- comment %} {{ x | no }} {% nothing %} {% endcomment -%} b", "ab"),
        ("a {{- word -}} b", "ateab"),
        ("{{ 'a,b' | split: ',' | join: '+' }}", "a+b"),
        ("{{ day | date: '%d %B %Y' }}", "02 May 2026"),
        (
            "{{ iso | date: '%d.%m.' }}|{{ none | date: '%d' }}|{{ word | date: '%d' }}",
            "01.06.||tea",
        ),
        ("{{ zero | plus: 2 | times: 3 | minus: 1 | divided_by: 2 }}", "2"),
    ],
)
def test_the_language(source, expected):
    data = {
        "zero": 0,
        "no": False,
        "none": None,
        "empty": "",
        "word": "tea",
        "list": ["a", "b", "c"],
        "people": [{"name": "Ann"}],
        "day": date(2026, 5, 2),
        "iso": "2026-06-01T10:00:00+02:00",
    }

    assert printed(source, **data) == expected


def test_now_is_no_date():
    assert printed("{{ 'now' | date: '%Y' }}") == "now"


def test_an_instant_keeps_its_zone():
    assert printed("{{ at | date: '%H:%M %Z' }}", at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC)) == (
        "03:04 UTC"
    )


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("a\nb {{ x", "“{{” is never closed.", 2),
        ("a\n{% if x %}\nb", "", 0),
        ("a\n\n{% include 'x' %}", "There is no tag “include”.", 3),
        ("\n{{ x | nonsense }}", "There is no filter “nonsense”.", 2),
        ("{{ x | escape }}", "Leave out “| escape”", 1),
        ("\n\n{{ }}", "“{{ }}” is empty.", 3),
        ("{%%}", "“{% %}” has no tag name.", 1),
        ("\n{% assign links = 1 %}", "“links” is a reserved name.", 2),
        ("\n{{ x | append: (1..3) }}", "A range may only stand in “for … in”.", 2),
        ("\n{% if a %}{% continue %}{% endif %}", "“continue” outside of a loop.", 2),
        ("x\n{{ a ! b }}", "", 2),
    ],
)
def test_an_error_says_what_and_where(source, message, line):
    with pytest.raises(TemplateError) as error:
        liquid.check(source, reserved=frozenset({"links"}))

    assert error.value.message.startswith(message)
    assert error.value.line == line


def test_uses_are_the_names_from_outside():
    found = liquid.check(
        "{{ a.b | append: c['d'] }}\n{% for x in a.list limit: n %}{{ x.y }}{{ forloop.index }}"
        "{% endfor %}{% assign z = 1 %}{{ z }}{% case q %}{% when w.v %}{% endcase %}"
        "{% if e[f.g] == h %}{% endif %}"
    )

    assert [use.path for use in found.uses] == [
        ("a", "b"),
        ("c", "d"),
        ("a", "list"),
        ("n",),
        ("q",),
        ("w", "v"),
        ("e",),
        ("f", "g"),
        ("h",),
    ]
    assert [use.line for use in found.uses[:3]] == [1, 1, 2]
    assert found.made == {"x", "forloop", "z"}


def test_an_output_that_is_not_escaped_is_not_compiled():
    with pytest.raises(TemplateError):
        liquid.compiled("{% if x %}{{ y | upcase }}{% endif %}", TEXT)


SCRAPS = [
    *("{{ a }}", "{{-a-}}", "{{ '}' }}", "{{{ a }}", "{", "{ {", "}}", "%}", "x\n", "-"),
    *("{% if a %}", "{%- endif -%}", "{% assign b = '{{' %}"),
    *("{% comment %}", "{% endcomment %}"),
]


@given(st.lists(st.sampled_from(SCRAPS)).map("".join))
def test_pieces_are_the_tokens_of_the_library(source):
    try:
        found = liquid.pieces(source)
    except TemplateError:
        return

    assert "".join(piece.source for piece in found) == source
    tokens = list(Environment().tokenizer()(source))
    assert [piece.name for piece in found if piece.name not in ("", "comment")] == [
        token.value
        for token in tokens
        if token.kind == "tag" and token.value not in ("comment", "endcomment")
    ]
    assert [piece.source for piece in found if piece.kind == "output"] == [
        token.value for token in tokens if token.kind == "output"
    ]
