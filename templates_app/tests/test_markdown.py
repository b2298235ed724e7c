from __future__ import annotations

import pytest

from templates_app.markdown import line_to_html, to_html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ('# Hi {{ a | default: "b" }}', '<h1>Hi {{ a | default: "b" }}</h1>\n'),
        ("a\nb", "<p>a<br />\nb</p>\n"),
        ("[x]({{ links.unsubscribe }})", '<p><a href="{{ links.unsubscribe }}">x</a></p>\n'),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("[x](javascript:y)", "<p>[x](javascript:y)</p>\n"),
        (
            "{% for i in data.items %}\n- {{ i.name }}\n{% endfor %}",
            "{% for i in data.items %}\n<ul>\n<li>{{ i.name }}</li>\n</ul>\n{% endfor %}\n",
        ),
        ("{{ a }}", "<p>{{ a }}</p>\n"),
        ("{% if a < 3 %}*x*{% endif %}", "<p>{% if a < 3 %}<em>x</em>{% endif %}</p>\n"),
        ("> " * 5000 + "x", None),
    ],
)
def test_markdown_keeps_its_liquid_and_makes_no_html_of_the_author_s(source, html):
    made = to_html(source)

    assert html is None or made == html


def test_a_line_is_no_paragraph():
    assert line_to_html("*x* {{ a }} & <i>") == "<em>x</em> {{ a }} &amp; &lt;i&gt;"
