"""Documents of blocks: what is refused and where, and the message that becomes of one."""

from __future__ import annotations

import jsonschema
import pytest

from templates_app import blocks, mjml
from templates_app.blocks.look import READABLE, contrast, readable
from templates_app.compiler import compile_template
from templates_app.rendering import Preview, preview

ONE_OF_EACH = [
    {"id": "a", "kind": "header", "href": "https://acme.example/"},
    {"id": "b", "kind": "heading", "text": "Hi {{ subscriber.first_name }} & co", "tone": "accent"},
    {"id": "c", "kind": "text", "text": "Some **words** <b>", "if": "data.total > 3"},
    {"id": "d", "kind": "image", "src": "https://acme.example/a.png?x=1&y=2", "alt": 'A "map"'},
    {"id": "e", "kind": "button", "text": "Go", "href": "https://acme.example/?q={{ data.total }}"},
    {
        "id": "f",
        "kind": "columns",
        "columns": [
            [{"id": "f1", "kind": "text", "text": "Left"}],
            [{"id": "f2", "kind": "text", "text": "Right", "if": "data.total > 3"}],
        ],
    },
    {"id": "g", "kind": "list", "items": ["one", "*two*"], "ordered": True},
    {"id": "h", "kind": "quote", "text": "So it is.", "by": "Ada", "tone": "tint"},
    {"id": "i", "kind": "divider"},
    {"id": "j", "kind": "spacer", "height": 40},
    {
        "id": "k",
        "kind": "social",
        "links": [{"label": "Blog", "href": "https://blog.example/"}],
    },
    {
        "id": "l",
        "kind": "repeat",
        "over": "data.items",
        "item": "item",
        "blocks": [{"id": "l1", "kind": "text", "text": "Item: {{ item.name }}"}],
    },
    {"id": "m", "kind": "saved", "block": "hours"},
    {"id": "n", "kind": "html", "html": "<p>By <em>hand</em></p>"},
    {
        "id": "o",
        "kind": "mjml",
        "mjml": "<mj-section><mj-column><mj-text>Raw</mj-text></mj-column></mj-section>",
    },
    {"id": "z", "kind": "footer", "text": "Why you get this."},
]
HOURS = [{"id": "s", "kind": "text", "text": "Open from nine"}]


def document(*given: dict, **members) -> dict:
    return {"v": 1, "blocks": list(given), **members}


def shown(made: dict, **data) -> Preview:
    source = blocks.to_mjml(made, look=blocks.Look(), saved={"hours": HOURS})
    compiled = compile_template(subject="Hi", html=mjml.to_html(source), text="")
    workspace = {"name": "Acme", "postal_address": "1 Long Road"}
    return preview(
        compiled, {"subscriber": {"first_name": "Zoë"}, "workspace": workspace, "data": data}
    )


def test_one_of_each_becomes_a_message_with_a_good_text():
    made = document(*ONE_OF_EACH, preheader="In short {{ data.total }}")
    assert blocks.faults(made) == []
    assert {block["kind"] for block in ONE_OF_EACH} == set(blocks.KINDS)

    message = shown(made, total=4, items=[{"name": "tea"}, {"name": "<x>"}])

    assert [line for line in message.text.splitlines() if line.strip()] == [
        "Acme (https://acme.example/)",
        "Hi Zoë & co",
        "Some words <b>",
        'A "map"',
        "Go (https://acme.example/?q=4)",
        "Left",
        "Right",
        "- one",
        "- two",
        "So it is.",
        "Ada",
        "Blog (https://blog.example/)",
        "Item: tea",
        "Item: <x>",
        "Open from nine",
        "By hand",
        "Raw",
        "Why you get this.",
        "Acme, 1 Long Road",
        "Unsubscribe (#unsubscribe)",
    ]
    assert "In short 4" in message.html
    assert 'src="https://acme.example/a.png?x=1&amp;y=2"' in message.html
    assert 'alt="A &quot;map&quot;"' in message.html
    assert "prefers-color-scheme: dark" in message.html
    assert "<!--[if mso | IE]>" in message.html
    assert "mailjet" not in message.html
    assert "googleapis" not in message.html


def test_what_is_not_for_somebody_is_not_there():
    message = shown(document(*ONE_OF_EACH), total=3, items=[])

    for words in ("Some words", "Right", "Item:"):
        assert words not in message.text
    assert "Left" in message.text


@pytest.mark.parametrize(
    ("given", "pointer", "code", "said"),
    [
        ({"kind": "text"}, "/blocks/0/id", "required", "“id” is missing"),
        ({"id": "a"}, "/blocks/0/kind", "invalid_choice", "A block here is one of: header,"),
        ({"id": "a", "kind": "txt"}, "/blocks/0/kind", "invalid_choice", "heading"),
        ({"id": "a", "kind": ["text"]}, "/blocks/0/kind", "invalid_choice", "heading"),
        ("text", "/blocks/0/kind", "invalid_choice", "heading"),
        (
            {"id": "a", "kind": "text", "text": "x", "colour": "red"},
            "/blocks/0/colour",
            "unknown",
            "There is no “colour” here; there are: id, kind, if, text, align, tone.",
        ),
        ({"id": "a", "kind": "text", "text": " "}, "/blocks/0/text", "required", "delete"),
        ({"id": "a", "kind": "text", "text": 7}, "/blocks/0/text", "invalid_type", "text"),
        (
            {"id": "a", "kind": "text", "text": "{% if %}"},
            "/blocks/0/text",
            "template_invalid",
            "Line 1",
        ),
        (
            {"id": "a", "kind": "heading", "text": "x" * 301},
            "/blocks/0/text",
            "too_long",
            "longer than 300",
        ),
        (
            {"id": "a", "kind": "heading", "text": "x", "level": True},
            "/blocks/0/level",
            "invalid_choice",
            "Choose one of: 1, 2, 3.",
        ),
        (
            {"id": "a", "kind": "button", "text": "x", "href": "acme.example"},
            "/blocks/0/href",
            "invalid_address",
            "write it out",
        ),
        (
            {"id": "a", "kind": "button", "text": "x", "href": "javascript:alert(1)"},
            "/blocks/0/href",
            "invalid_address",
            "write it out",
        ),
        (
            {"id": "a", "kind": "image", "src": "data:image/png;base64,AA", "alt": "x"},
            "/blocks/0/src",
            "invalid_address",
            "write it out",
        ),
        (
            {"id": "a", "kind": "image", "src": "https://a.example/b.png"},
            "/blocks/0/alt",
            "required",
            "“alt” is missing",
        ),
        ({"id": "a", "kind": "spacer", "height": 1}, "/blocks/0/height", "out_of_range", "4 to"),
        (
            {"id": "a", "kind": "text", "text": "x", "if": "a %}{% endif"},
            "/blocks/0/if",
            "invalid",
            "condition",
        ),
        (
            {"id": "a", "kind": "columns", "columns": [[]]},
            "/blocks/0/columns",
            "out_of_range",
            "two or three",
        ),
        (
            {"id": "a", "kind": "columns", "columns": [[], [{"id": "b", "kind": "footer"}]]},
            "/blocks/0/columns/1/0/kind",
            "invalid_choice",
            "A block here is one of: heading, text",
        ),
        (
            {"id": "a", "kind": "list", "items": ["x", ""]},
            "/blocks/0/items/1",
            "required",
            "Write something",
        ),
        (
            {"id": "a", "kind": "mjml", "mjml": "<mj-section>\n<mj-txt/></mj-section>"},
            "/blocks/0/mjml",
            "template_invalid",
            "Line 2: <mj-txt>: did you mean <mj-text>?",
        ),
        (
            {"id": "a", "kind": "repeat", "over": "x y", "item": "i", "blocks": []},
            "/blocks/0/over",
            "invalid",
            "data.items",
        ),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(given, pointer, code, said):
    [problem] = [each for each in blocks.faults(document(given)) if each.pointer == pointer]

    assert problem.code == code
    assert said in problem.detail


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ([], ""),
        ({"v": 2, "blocks": []}, "/v"),
        ({"v": 1}, "/blocks"),
        ({"v": 1, "blocks": [], "subject": "x"}, "/subject"),
        ({"v": 1, "blocks": [], "theme": {"accent": "red"}}, "/theme/accent"),
        ({"v": 1, "blocks": [], "theme": {"layout": "wild"}}, "/theme/layout"),
        ({"v": 1, "blocks": [{"id": "a", "kind": "divider"}] * 2}, "/blocks/1/id"),
        ({"v": 1, "blocks": [], "preheader": "x" * 300_000}, ""),
    ],
)
def test_a_document_has_one_form(given, pointer):
    assert [each.pointer for each in blocks.faults(given)] == [pointer]


def test_nobody_reads_hundreds_of_blocks():
    many = [{"id": f"d{number}", "kind": "divider"} for number in range(201)]

    assert [each.code for each in blocks.faults(document(*many))] == ["too_many"]
    assert blocks.faults(document(*many[1:])) == []


def test_the_published_schema_tells_the_same():
    schema = blocks.schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(document(*ONE_OF_EACH), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document({"id": "a", "kind": "text"}), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document({"id": "a", "kind": "divider", "x": 1}), schema)


def test_liquid_in_a_loop_is_read_within_it():
    found = dict(blocks.sources(document(*ONE_OF_EACH), at="/document"))

    assert found["/document/blocks/11/blocks/0/text"] == (
        "{% for item in data.items %}Item: {{ item.name }}{% endfor %}"
    )
    assert found["/document/blocks/2/if"] == "{% if data.total > 3 %}{% endif %}"
    assert found["/document/blocks/10/links/0/href"] == "https://blog.example/"


@pytest.mark.parametrize("accent", ["#ffffff", "#000000", "#ffee00", "#2457d6", "#7a7a7a"])
def test_no_brand_is_unreadable(accent):
    look = blocks.Look(accent=accent)

    pairs = [
        (look.link, look.tint),
        (look.dark_link, look.dark_tint),
        (look.muted, look.canvas),
        (readable(look.on_accent, on=look.accent), look.accent),
    ]

    assert [pair for pair in pairs if contrast(*pair) < READABLE] == []
    assert contrast(look.on_accent, accent) > 4
