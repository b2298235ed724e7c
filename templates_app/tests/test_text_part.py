from __future__ import annotations

import pytest

from templates_app import rendering
from templates_app.compiler import compile_template

CONTEXT = {
    "subscriber": {"first_name": "Ann & Co", "vip": True, "teas": ["Assam", "Mint"], "id": "a/b"},
    "workspace": {"name": "Tea"},
}


def text_of(html: str, context: dict[str, object] = CONTEXT) -> str:
    return rendering.preview(compile_template(subject="x", html=html, text=""), context).text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<h1>Big</h1>words <b>bold</b>,\n  <i>more</i>", "Big\n\nwords bold, more"),
        ("<div>a</div><div>b<br>c</div>", "a\nb\nc"),
        ("a<hr>b", "a\n\n--------------------\n\nb"),
        ("<ul><li>x</li><li><p>y</p></li></ul>after", "- x\n- y\n\nafter"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ('<img src="https://example.com/x.png" alt="A cup">', "A cup"),
        ("<style>p{}</style><title>t</title><script>x</script>y", "y"),
        ("<!-- note --><!--[if mso]><p>Outlook</p><![endif]-->y", "y"),
        ("a&nbsp;&zwnj;&#847;b &amp; &lt;c&gt; &#123;{ d }}", "a b & <c> {{ d }}"),
        ('<a href="https://example.com/">Shop</a>', "Shop (https://example.com/)"),
        ('<a href="https://example.com/">https://example.com/</a>', "https://example.com/"),
        ('<a href="https://example.com/"><img alt=""></a>', "(https://example.com/)"),
        ('<a href="mailto:a@example.com">a@example.com</a>', "a@example.com"),
        ('<a href="#top">Top</a>', "Top"),
        ('<a href="{{ links.unsubscribe }}">Leave</a>', "Leave (#unsubscribe)"),
        (
            '<a href="https://example.com/{{ subscriber.id }}?a=1&amp;b=2">Shop</a>',
            "Shop (https://example.com/a%2Fb?a=1&b=2)",
        ),
        ("<p>Hi {{ subscriber.first_name }},</p>", "Hi Ann & Co,"),
        (
            "<p>Hi {% if subscriber.vip %}dear{% else %}you{% endif %} there</p>",
            "Hi dear there",
        ),
        (
            "<p>a</p><div>{% if subscriber.none %}x{% else %}y{% endif %}</div>z",
            "a\n\ny\nz",
        ),
        (
            "<p>a</p>{% if subscriber.vip %}<p>b</p>{% endif %}"
            "{% if subscriber.none %}<p>c</p>{% endif %}<p>d</p>",
            "a\n\nb\n\nd",
        ),
        (
            "<p>Teas:</p><ul>{% for tea in subscriber.teas %} <!-- row --><li>{{ tea }}</li>"
            "{% endfor %}</ul><p>end</p>",
            "Teas:\n\n- Assam\n- Mint\n\nend",
        ),
        (
            "<table>{% for tea in subscriber.teas %}<tr><td>{{ tea }}</td><td>1</td></tr>"
            "{% endfor %}</table>",
            "\nAssam 1\nMint 1",  # the line break belongs to each turn
        ),
        (
            "{% assign a = 'x' %}<head><title>{% if a %}t{% endif %}</title>"
            "{% assign b = 'y' %}</head><body>{{ a }}{{ b }}</body>",
            "xy",
        ),
    ],
)
def test_the_text_of_html(html, expected):
    assert text_of(html) == f"{expected}\n"


def test_a_written_text_is_kept_as_it_is():
    compiled = compile_template(
        subject="x",
        html="<p>HTML</p>",
        text="  Hi {{ subscriber.first_name }},\n\n\n<b>https://example.com/{{ subscriber.id }}\n",
    )

    assert rendering.preview(compiled, CONTEXT).text == (
        "  Hi Ann & Co,\n\n\n<b>https://example.com/a/b\n"
    )
