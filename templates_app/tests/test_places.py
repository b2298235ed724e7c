"""Where Liquid may stand in HTML, and how a value is escaped there."""

from __future__ import annotations

import pytest

from templates_app import rendering
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError

SAFE = "&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;--&gt;"
EVIL = "\"'><script>alert(1)</script>&-->"


def shown(html: str, value: object = EVIL, **fields: object) -> str:
    compiled = compile_template(subject="x", html=html, text="x")
    page = rendering.preview(compiled, {"subscriber": {"v": value, **fields}}).html
    return page.removeprefix("<html><head></head><body>").removesuffix("</body></html>")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<p>{{ subscriber.v }}</p>",
            f"<p>{SAFE}</p>",
        ),
        (
            "<p title='{{ subscriber.v }}'>x</p>",
            f'<p title="{SAFE}">x</p>',
        ),
        (
            '<img src="https://example.com/{{ subscriber.v }}.png">',
            '<img src="https://example.com/%22%27%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%26--%3E'
            '.png">',
        ),
        (
            '<a href="mailto:{{ subscriber.v }}">x</a>',
            '<a href="mailto:%22%27%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%26--%3E">x</a>',
        ),
        (
            '<p style="width: {{ subscriber.v }}px">x</p>',
            '<p style="width: scriptalert1script--px">x</p>',
        ),
        (
            "<p><!--[if mso]><i>{{ subscriber.v }}</i><![endif]--></p>",
            f"<p><!--[if mso]><i>{SAFE}</i><![endif]--></p>",
        ),
        (
            "{% capture c %}a &lt; {{ subscriber.v }}{% endcapture %}<p>{{ c }}</p>",
            f"<p>a &lt; {SAFE}</p>",
        ),
        (
            "{% assign c = '<b>' | append: subscriber.v %}<p>{{ c }}</p>",
            f"<p>&lt;b&gt;{SAFE}</p>",
        ),
        (
            "<p>{% if subscriber.v %}{{ subscriber.v | slice: 0 }}{% endif %}</p>",
            "<p>&quot;</p>",
        ),
    ],
)
def test_a_value_is_escaped_for_its_place(html, expected):
    assert shown(html) == expected


def test_a_title_is_text():
    compiled = compile_template(
        subject="x", html="<head><title>{{ subscriber.v }}</title></head><body>x</body>", text="x"
    )

    page = rendering.preview(compiled, {"subscriber": {"v": "</title><b>"}}).html

    assert page.startswith("<html><head><title>&lt;/title&gt;&lt;b&gt;</title></head>")


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("<script>{{ subscriber.v }}</script>", "inside <script>"),
        ("<script>{% if subscriber.v %}x{% endif %}</script>", "inside <script>"),
        ("<style>p { color: {{ subscriber.v }} }</style>", "inside <style>"),
        ("<noscript>{{ subscriber.v }}</noscript>", "inside <noscript>"),
        ("<!-- {{ subscriber.v }} -->", "inside an HTML comment"),
        ("<!--{{ subscriber.v }}-->", "inside an HTML comment"),
        ("<!--{% if subscriber.v %}-->x<!--{% endif %}-->", "inside an HTML comment"),
        ("<p title={{ subscriber.v }}>", "in an attribute without quotes"),
        ("<p title=a{{ subscriber.v }}>", "in an attribute without quotes"),
        ("<!--[if mso]><p title={{ subscriber.v }}></p><![endif]-->", "without quotes"),
        ("<p {{ subscriber.v }}>", "outside of an attribute value"),
        ('<p {{ subscriber.v }}="x">', "outside of an attribute value"),
        ('<p {% if subscriber.v %}title="x"{% endif %}>', "outside of an attribute value"),
        ("<{{ subscriber.v }}>", "outside of an attribute value"),
        ("</p{{ subscriber.v }}>", "in its place"),
        ('<p onclick="{{ subscriber.v }}">', "in “onclick” of <p>"),
        ('<p ONCLICK="x({{ subscriber.v }})">', "in “onclick” of <p>"),
        ('<iframe srcdoc="{{ subscriber.v }}"></iframe>', "inside <iframe>"),
        ('<img srcset="{{ subscriber.v }} 2x">', "in “srcset” of <img>"),
        ('<meta content="0; url={{ subscriber.v }}">', "in “content” of <meta>"),
        ('<base href="https://example.com/{{ subscriber.v }}">', "in “href” of <base>"),
        ('<img src="{{ subscriber.v }}">', "scheme and host"),
        ('<img src="https://{{ subscriber.v }}/x.png">', "scheme and host"),
        ('<p title="{% if subscriber.v %}">{% endif %}{{ subscriber.v }}">', "must end in"),
        ("<title>{% if subscriber.v %}</title>{% endif %}", "must end in"),
        ("<!--[if mso]>{% if subscriber.v %}<![endif]-->{% endif %}", "must end in"),
        ('<p title="{% assign x = 1 %}">', "Assign and capture"),
        ("{% capture x %}<b>x</b>{% endcapture %}", "holds text"),
        ("<p>{{ subscriber.v }</p>", "never closed"),
        ('<p class="a"">x</p>', "This tag is malformed"),
    ],
)
def test_a_place_where_no_escape_is_safe_is_refused(html, message):
    with pytest.raises(TemplateError) as refusal:
        compile_template(subject="x", html=html, text="x")

    assert message in refusal.value.message


def test_a_refusal_names_the_line():
    with pytest.raises(TemplateError) as refusal:
        compile_template(subject="x", html="<p>\n\n<b title={{ subscriber.v }}>", text="x")

    assert refusal.value.line == 3


def test_a_comparison_is_not_mistaken_for_html():
    html = "<p>{% if subscriber.n < 3 and subscriber.n > 1 %}few{% endif %}</p>"

    assert shown(html, n=2) == "<p>few</p>"
    assert shown(html, n=3) == "<p></p>"


def test_a_loop_over_rows_stays_in_its_table_and_opens_one_body():
    html = (
        "<table>\n{% for each in subscriber.v %}<tr><td>{{ each }}</td></tr>{% endfor %}\n</table>"
    )

    assert shown(html, ["a", "b"]) == (
        "<table><tbody>\n<tr><td>a</td></tr><tr><td>b</td></tr>\n</tbody></table>"
    )


def test_a_written_body_is_left_alone():
    html = "<table><tbody>{% if subscriber.v %}<tr><td>x</td></tr>{% endif %}</tbody></table>"

    assert shown(html) == "<table><tbody><tr><td>x</td></tr></tbody></table>"


def test_text_that_html_moves_out_of_a_table_is_refused():
    html = "<table>{% for each in subscriber.v %}{{ each }}<tr><td>x</td></tr>{% endfor %}</table>"

    with pytest.raises(TemplateError) as refusal:
        compile_template(subject="x", html=html, text="x")

    assert "between the rows of a table" in refusal.value.message


@pytest.mark.parametrize(
    "html",
    [
        '<p title="a" title="{{ subscriber.v }}">x</p>',
        '<p title="{{ subscriber.v }}>x</p>',
        "</body {{ subscriber.v }}>",
    ],
)
def test_liquid_that_html_would_lose_is_refused(html):
    with pytest.raises(TemplateError) as refusal:
        compile_template(subject="x", html=html, text="x")

    assert "in its place" in refusal.value.message


def test_a_fragment_gets_its_frame_around_the_liquid():
    html = "{% if subscriber.v %}<p>x</p>{% endif %}"
    compiled = compile_template(subject="x", html=html, text="x")

    assert rendering.preview(compiled, {}).html == "<html><head></head><body></body></html>"


def test_styles_are_inlined_and_what_cannot_be_stays():
    page = shown(
        "<html><head><style>p { color: red } a:hover { color: blue } "
        "@media (max-width: 600px) { p { color: green } }</style></head>"
        '<body><p class="{{ subscriber.v }}">x</p></body></html>',
        "y",
    )

    assert '<p class="y" style="color: red;">x</p>' in page
    assert "a:hover { color: blue; }" in page
    assert "@media (max-width: 600px) { p { color: green } }" in page
    assert "p { color: red" not in page.replace("{ p { color: green } }", "")


def test_stylesheets_are_not_fetched(tmp_path):
    sheet = tmp_path / "secret.css"
    sheet.write_text("p { color: red }")

    page = shown(f'<link rel="stylesheet" href="file://{sheet}"><p>x</p>')

    assert "red" not in page
    assert "<p>x</p>" in page


def test_outlook_markup_survives():
    html = (
        '<p>a</p><!--[if (gte mso 9)|(IE)]><table width="600"><tr><td><![endif]-->x'
        "<!--[if mso]></td></tr></table><![endif]--><!--[if !mso]><!-->y<!--<![endif]-->"
    )

    assert shown(html) == html


def test_braces_that_are_no_liquid_stay_braces():
    assert shown(
        "<p title='&#123;{ x }}'>&#123;{ x }} &#123;% if %} &#123;{{ subscriber.v }}</p>", 1
    ) == ('<p title="{{ x }}">{{ x }} {% if %} {1</p>')


def test_a_value_that_looks_like_our_own_marks_is_only_text():
    assert shown("<p>lqz {{ subscriber.v }}</p>", "lqz0000z lqzq0000z {{ x }} <!--lqz0000z-->") == (
        "<p>lqz lqz0000z lqzq0000z {{ x }} &lt;!--lqz0000z--&gt;</p>"
    )
