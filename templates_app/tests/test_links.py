from __future__ import annotations

import quopri

import pytest

from templates_app import rendering
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.rendering import RenderError
from templates_app.tests.factories import addresses

CONTEXT = {
    "subscriber": {"email": "a+b@example.com", "plan": "/pro?", "items": [{"slug": "x y"}]},
    "workspace": {"name": "Tea"},
}


def sent(html: str) -> tuple[str, tuple[str, ...]]:
    compiled = compile_template(subject="x", html=html, text="x")
    links = addresses(
        *(f"https://t.example/c/{number}?a&b" for number in range(len(compiled.links))),
        pixel="https://t.example/o",
        unsubscribe="https://t.example/u?a&b",
    )
    parts = rendering.render(compiled, CONTEXT, links)
    return quopri.decodestring(b"".join(parts.html_qp)).decode(), compiled.links


def test_links_are_numbered_in_order_and_their_targets_decoded():
    page, links = sent(
        '<a href="https://example.com/?a=1&amp;b=2">x</a>'
        "<a href=' HTTP://example.com/{{ subscriber.plan }}?e={{ subscriber.email }} '>y</a>"
        '<!--[if mso]><v:rect href="https://example.com/z"></v:rect><![endif]-->'
    )

    assert links == (
        "https://example.com/?a=1&b=2",
        "HTTP://example.com/{{ subscriber.plan }}?e={{ subscriber.email }}",
        "https://example.com/z",
    )
    assert '<a href="https://t.example/c/0?a&amp;b">x</a>' in page
    assert '<a href="https://t.example/c/1?a&amp;b">y</a>' in page
    assert '<v:rect href="https://t.example/c/2?a&amp;b">' in page
    assert rendering.link_target(links, number=1, context=CONTEXT) == (
        "HTTP://example.com/%2Fpro%3F?e=a%2Bb%40example.com"
    )


def test_a_link_inside_conditions_and_loops_is_tracked():
    page, links = sent(
        '{% if subscriber.plan %}<a href="https://example.com/a">x</a>{% endif %}'
        '{% if subscriber.none %}<a href="https://example.com/b">x</a>{% endif %}'
        '{% for each in subscriber.items %}<a href="https://example.com/c">x</a>{% endfor %}'
    )

    assert links == ("https://example.com/a", "https://example.com/b", "https://example.com/c")
    assert page.count("<a href") == 2
    assert '<a href="https://t.example/c/0?a&amp;b">x</a>' in page
    assert '<a href="https://t.example/c/2?a&amp;b">x</a>' in page


def test_a_link_that_depends_on_the_turn_of_a_loop_stays_direct():
    page, links = sent(
        '{% for each in subscriber.items %}<a href="https://example.com/{{ each.slug }}">x</a>'
        "{% endfor %}"
    )

    assert links == ()
    assert '<a href="https://example.com/x%20y">x</a>' in page


def test_a_condition_in_an_address_decides_at_the_click():
    _, links = sent(
        '<a href="https://example.com/{% if subscriber.plan %}{{ subscriber.plan }}'
        '{% else %}free{% endif %}">x</a>'
    )

    assert (
        rendering.link_target(links, number=0, context=CONTEXT) == "https://example.com/%2Fpro%3F"
    )
    assert rendering.link_target(links, number=0, context={}) == "https://example.com/free"


def test_other_addresses_are_left_alone():
    page, links = sent(
        '<a href="mailto:a@example.com?subject=x%20y">m</a><a href="tel:+491">t</a>'
        '<a href="#top">a</a><a href="">e</a><a name="top">n</a>'
        '<a href="{{ links.unsubscribe }}">u</a><a href="{{links.unsubscribe}}">v</a>'
    )

    assert links == ()
    for unchanged in (
        '<a href="mailto:a@example.com?subject=x%20y">m</a>',
        '<a href="tel:+491">t</a>',
        '<a href="#top">a</a>',
        '<a href="">e</a>',
        '<a name="top">n</a>',
        '<a href="https://t.example/u?a&amp;b">u</a>',
        '<a href="https://t.example/u?a&amp;b">v</a>',
    ):
        assert unchanged in page


@pytest.mark.parametrize(
    "address",
    [
        "{{ subscriber.plan }}",
        "https://{{ subscriber.plan }}",
        "https://{{ subscriber.plan }}.example.com/",
        "https://example.com{{ subscriber.plan }}",
        "{{ subscriber.plan }}://example.com/",
        "https://user:password@example.com/",
        "https://example.com\\@evil.example/",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "//example.com/",
        "/pricing",
        "www.example.com",
        "{% if subscriber.plan %}https://example.com/{% endif %}",
        "{{ links.unsubscribe }}?x={{ subscriber.plan }}",
        "https://example.com/{{ links.unsubscribe }}",
    ],
)
def test_an_address_without_a_written_scheme_and_host_is_refused(address):
    with pytest.raises(TemplateError):
        compile_template(subject="x", html=f'<a href="{address}">x</a>', text="x")


def test_the_pixel_stands_at_the_end_of_the_body_and_only_when_asked_for():
    page, _ = sent("<html><body><p>x</p></body></html>")
    compiled = compile_template(subject="x", html="<p>x</p>", text="x")

    assert page.endswith(
        '<p>x</p><img src="https://t.example/o" width="1" height="1" alt="" '
        'style="display:block"></body></html>'
    )
    assert "<img" not in rendering.preview(compiled, CONTEXT).html


def test_the_trap_stands_where_nobody_sees_it_tabs_to_it_or_hears_of_it():
    compiled = compile_template(subject="x", html="<html><body><p>x</p></body></html>", text="")
    trapped = addresses(pixel="https://t.example/o")._replace(
        click=rendering.address("https://t.example/c/"), trap=rendering.address("9")
    )

    parts = rendering.render(compiled, CONTEXT, trapped)

    assert (
        '<p>x</p><a href="https://t.example/c/9" style="display:none" aria-hidden="true" '
        'tabindex="-1"></a><img' in quopri.decodestring(b"".join(parts.html_qp)).decode()
    )
    assert quopri.decodestring(b"".join(parts.text_qp)).decode().strip() == "x"


def test_a_preview_leads_to_the_targets():
    compiled = compile_template(
        subject="x",
        html='<a href="https://example.com/{{ subscriber.plan }}?a=1&b=2">x</a>'
        ' <a href="{{ links.unsubscribe }}">u</a>',
        text="",
    )

    preview = rendering.preview(compiled, CONTEXT)

    assert '<a href="https://example.com/%2Fpro%3F?a=1&amp;b=2">x</a>' in preview.html
    assert '<a href="#unsubscribe">u</a>' in preview.html
    assert preview.text == "x (https://example.com/%2Fpro%3F?a=1&b=2) u (#unsubscribe)\n"


@pytest.mark.parametrize("number", [-1, 1])
def test_an_unknown_number_leads_nowhere(number):
    with pytest.raises(LookupError):
        rendering.link_target(["https://example.com/"], number=number, context={})


def test_a_target_that_fails_says_so_without_data():
    with pytest.raises(RenderError) as failure:
        rendering.link_target(
            ["https://example.com/{{ subscriber.plan | divided_by: 0 }}"],
            number=0,
            context=CONTEXT,
        )

    assert "pro" not in str(failure.value)
