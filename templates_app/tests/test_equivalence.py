"""Compiled templates print what the library prints for the plain source, escaped."""

from __future__ import annotations

from html import escape

from hypothesis import given, settings
from hypothesis import strategies as st
from liquid import Environment
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string

from templates_app import rendering
from templates_app.compiler import compile_template

PLAIN = Environment()  # the library as it comes
PLAIN.add_filter("escaped", lambda value: escape(to_liquid_string(value, autoescape=False)))

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1_000, 1_000),
    st.sampled_from(["", "Ann", "<b>&\"'</b>", "a,b,c", "ß €", "  x  ", "lqz0000z", "{{ x }}"]),
    st.lists(st.sampled_from(["x", "<y>", ""]), max_size=3),
)
people = st.fixed_dictionaries({}, optional=dict.fromkeys("abc", values))
PATHS = [
    *("subscriber.a", "subscriber.b", "subscriber.c", "subscriber['b']", "subscriber.none"),
    *("subscriber.a.size", "subscriber.a[0]", "workspace.name", "each", "made", "'<i>'"),
]
FILTERS = [
    *("default: 'you'", "upcase", "capitalize", "strip", "truncate: 3", "slice: 0, 2", "size"),
    *("append: '<'", "append: subscriber.b", "prepend: made", "replace: '<', '&'"),
    *("split: ','", "join: '&'", "first", "reverse", "concat: subscriber.c | size"),
]
paths = st.sampled_from(PATHS)
filters = st.lists(st.sampled_from(FILTERS), max_size=3)
outputs = st.builds(
    lambda path, chain, dash: f"{{{{{dash} {' | '.join([path, *chain])} PLACE }}}}",
    *(paths, filters, st.sampled_from(["", "-"])),
)
literals = st.sampled_from(["<p>x</p>", " ", "\n", "text &amp; more", '<i title="y">z</i>', "<br>"])


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=4).map("".join)
    return st.one_of(
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, paths, body, body),
        st.builds("{{% unless {} == 'Ann' -%}}{}{{%- endunless %}}".format, paths, body),
        st.builds("{{% for each in {} %}}{}{{% endfor %}}".format, paths, body),
        st.builds("{{% case {} %}}{{% when 'Ann' %}}{}{{% endcase %}}".format, paths, body),
        st.builds("{{% assign made = {} %}}".format, paths),
        st.builds("{{% comment %}}{}{{% endcomment %}}".format, body),
        st.builds('<b title="{}">'.format, outputs).map(lambda tag: tag + "x</b>"),
    )


pages = st.lists(st.recursive(st.one_of(outputs, literals), blocks, max_leaves=12), max_size=8).map(
    "".join
)


@given(pages, people)
@settings(max_examples=200, deadline=None)
def test_compiled_equals_plain(page, person):
    context = {"subscriber": person, "workspace": {"name": "Tea & Co"}}
    document = f"<html><head></head><body>{page}</body></html>"

    expected = _plainly(document.replace("PLACE", "| escaped"), context)
    html = _compiled(document.replace("PLACE", ""), context)

    assert html == expected


def _plainly(source: str, context: dict[str, object]) -> str | None:
    try:
        return PLAIN.from_string(source).render(**context)
    except (LiquidError, ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _compiled(source: str, context: dict[str, object]) -> str | None:
    try:
        return rendering.preview(compile_template(subject="x", html=source, text="x"), context).html
    except rendering.RenderError:
        return None
