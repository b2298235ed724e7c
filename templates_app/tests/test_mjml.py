"""MJML: what is refused, with its line, and what becomes of the Liquid in it."""

from __future__ import annotations

import pytest

from templates_app import mjml
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.rendering import preview


def around(content: str) -> str:
    """A document whose fifth line `content` is."""
    opening = "<mjml>\n<mj-body>\n<mj-section>\n<mj-column>\n"
    return f"{opening}{content}\n</mj-column></mj-section></mj-body></mjml>"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<mj-txt>a</mj-txt>", "Line 5: <mj-txt>: did you mean <mj-text>?"),
        ("<mj-zebra/>", "Line 5: <mj-zebra>: there is no such tag"),
        ("{{ a\n }}\n<mj-txt/>", "Line 5: “{{ a"),
        ("{% if a\n %}{% endif %}\n<mj-txt/>", "Line 7: <mj-txt>"),
        ("<mj-TEXT>a</mj-TEXT>", "Line 5: <mj-TEXT> is written in small letters: <mj-text>."),
        ("<mj-section/>", "Line 5: <mj-section> stands in <mj-column>; its place is in <mj-body>"),
        ("<mj-text>a<b></mj-text>", "Line 5: </mj-text> stands where <b> of line 5"),
        ("<mj-text>a", "Line 6: </mj-column> stands where <mj-text> of line 5 must be closed."),
        ("<mj-text>a < b</mj-text>", "Line 5: “<” in a text is written “&lt;”."),
        ("<mj-text><img src=x></mj-text>", "Line 5: An attribute of <img> needs quotes"),
        ("<mj-text><![CDATA[x]]></mj-text>", "Line 5: MJML has no place for “<![CDATA[x]]>”."),
        ("<p>x</p>", "Line 5: <p> stands directly in <mj-column>"),
        ("hello", "“hello” stands directly in <mj-column>."),
        ('<mj-include path="/etc/passwd"/>', "Line 5: <mj-include> is not supported"),
        ("<mj-text>" + "<div>" * 5000, "Line 5: Elements are nested more than 120 deep."),
    ],
)
def test_what_the_engine_would_swallow_is_refused_with_its_line(content, said):
    with pytest.raises(TemplateError) as refused:
        mjml.to_html(around(content))

    assert said in str(refused.value)


def test_liquid_between_the_sections_of_a_wrapper_is_refused():
    inside = "{% if a %}<mj-section></mj-section>{% endif %}"
    with pytest.raises(TemplateError, match="Line 1: Liquid stands directly in <mj-wrapper>"):
        mjml.to_html(f"<mjml><mj-body><mj-wrapper>{inside}</mj-wrapper></mj-body></mjml>")


@pytest.mark.parametrize("source", ["", "hello", "<p>x</p>", "<html></html>", "<mj-body/>"])
def test_mjml_is_one_document(source):
    with pytest.raises(TemplateError, match="Line 1: "):
        mjml.to_html(source)


def test_liquid_of_every_place_works_in_the_message():
    html = mjml.to_html(
        "<mjml><mj-head><mj-title>{% if a < 3 %}few{% endif %}</mj-title></mj-head><mj-body>"
        '{% for item in data.items %}<mj-section background-url="https://a.example/{{ item }}.png">'
        "<mj-column>{% if item == 'x' %}<mj-text>{{ item }} &amp; co</mj-text>{% endif %}"
        '<mj-button href="https://a.example/?q={{ item | default: "none" }}&amp;b=1">Go</mj-button>'
        "</mj-column></mj-section>{% endfor %}</mj-body></mjml>"
    )
    compiled = compile_template(subject="Hi", html=html, text="")

    shown = preview(compiled, {"a": 1, "data": {"items": ["x", "y<"]}})

    assert "<title>few</title>" in shown.html
    assert shown.html.count("x &amp; co") == 1
    assert "y&lt; &amp; co" not in shown.html
    assert 'href="https://a.example/?q=y%3C&amp;b=1"' in shown.html
    assert "<!--[if mso | IE]>" in shown.html
    assert "fonts.googleapis.com" not in shown.html
    assert shown.text.count("Go (https://a.example/?q=") == 2


def test_the_same_source_makes_the_same_html():
    source = around(
        '<mj-navbar hamburger="hamburger"><mj-navbar-link href="#">a</mj-navbar-link></mj-navbar>'
    )

    assert mjml.to_html(source) == mjml.to_html(source)
