from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings

from templates_app import rendering
from templates_app.compiler import compile_template
from templates_app.rendering import RenderError

NAUGHTY = Path(settings.BASE_DIR).parent / "shared/corpora/naughty-strings/blns.json"


def test_a_subject_is_one_line():
    compiled = compile_template(subject=" Hi  {{ subscriber.name }}! ", html="", text="x")

    subject = rendering.preview(
        compiled, {"subscriber": {"name": "Ann\r\nBcc: evil@example.com\x0b\u2028\x85x"}}
    ).subject

    assert subject == "Hi Ann Bcc: evil@example.com x!"


def test_what_is_missing_prints_as_nothing():
    compiled = compile_template(
        subject="{{ subscriber.a }}x",
        html="<p>{{ subscriber.a }}{{ workspace.b | upcase }}{{ subscriber.c.d | date: '%Y' }}</p>",
        text="{% if subscriber.a > 3 %}y{% endif %}.",
    )

    preview = rendering.preview(compiled, {})

    assert preview.subject == "x"
    assert preview.html == "<html><head></head><body><p></p></body></html>"
    assert preview.text == "."


def test_names_made_in_one_part_do_not_reach_another():
    compiled = compile_template(
        subject="{% assign a = 'x' %}{{ a }}",
        html="<p>{{ a }}{% assign a = 'y' %}{{ a }}</p>",
        text="[{{ a }}]",
    )

    preview = rendering.preview(compiled, {})

    assert preview.subject == "x"
    assert preview.text == "[]"
    assert preview.html == "<html><head></head><body><p>y</p></body></html>"


@pytest.mark.parametrize(
    "source",
    [
        "{{ subscriber.secret | divided_by: 0 }}",
        "{{ subscriber.secret | slice: subscriber.secret }}",
        "{% if subscriber.secret > 3 %}x{% endif %}",
        "{{ subscriber.secret | date: '" + "%Y" * 40 + "' }}",
        "{{ subscriber.list | sort }}",
        "{{ subscriber.list | map: 'x' }}",
        "{{ subscriber.half }}",
    ],
)
def test_a_failure_never_shows_the_data(source):
    compiled = compile_template(subject="x", html=f"<p>{source}</p>", text="x")
    person = {"secret": "2026-01-01", "list": ["secret", 1], "half": "secret\ud800"}

    with pytest.raises(RenderError) as failure:
        rendering.preview(compiled, {"subscriber": person})

    assert "secret" not in str(failure.value).replace("subscriber.secret", "")
    assert "2026" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


def test_naughty_values_come_through_and_break_nothing():
    if not NAUGHTY.exists():
        pytest.skip("the corpus is not here")
    compiled = compile_template(
        subject="{{ subscriber.v }}",
        html='<p title="{{ subscriber.v }}">{{ subscriber.v }}</p>'
        '<a href="https://example.com/?v={{ subscriber.v }}">x</a>'
        "{% for each in subscriber.list %}<b>{{ each }}</b>{% endfor %}",
        text="{{ subscriber.v }}|",
    )
    for naughty in json.loads(NAUGHTY.read_text()):
        preview = rendering.preview(
            compiled, {"subscriber": {"v": naughty, "list": [naughty]}, "workspace": {}}
        )

        lines = naughty.replace("\r\n", "\n").replace("\r", "\n")
        assert preview.text == f"{lines}|"
        assert len(preview.subject.splitlines()) <= 1
        assert preview.html.count("<") == len(
            ["html", "head", "/head", "body", "p", "/p", "a", "/a", "b", "/b", "/body", "/html"]
        )
