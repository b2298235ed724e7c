"""Programs print what the library prints for the same source, and stop where it stops."""

from __future__ import annotations

import ast
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from templates_app.compiler import QUOTED
from templates_app.liquid import TEXT, Scope, compiled
from templates_app.liquid.program import write
from templates_app.liquid.runtime import interpret
from templates_app.liquid.sandbox import parse
from tests.support.payloads.liquid import STOPPED

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 30),
    st.floats(-2, 2, width=16),
    st.sampled_from(["", "Ann", "<b>&\"'</b>", "a,b,c", "ß €", "  x  ", "1", "true", ".", "3"]),
    st.lists(st.sampled_from(["x", "<y>", "", 1, True, None]), max_size=4),
    st.dictionaries(st.sampled_from(["x", "size", "first"]), st.integers(0, 2), max_size=2),
    st.lists(st.lists(st.integers(0, 3), max_size=3), max_size=3),
)
people = st.fixed_dictionaries({}, optional=dict.fromkeys("abc", values))
paths = st.sampled_from(
    [
        *(
            "p.a",
            "p.b",
            "p.c",
            "p.d",
            "q",
            "p.a.size",
            "p.b.first",
            "p.c.last",
            "p.a[0]",
            "p.a[-1]",
        ),
        *("p['a']", "p[q]", "each", "each.x", "other", "made", "made.size", "forloop"),
        *("forloop.index", "forloop.last", "forloop.parentloop.index", "now", "p"),
    ]
)
printable = paths | st.sampled_from(["'Ann'", "1", "0.5", "true", "false", "nil"])
atoms = printable | st.sampled_from(["empty", "blank"])
FILTERS = [
    *("default: 'you'", "default: p.b, allow_false: true", "default: 1", "upcase", "strip"),
    *("split: ','", "split: ' '", "split: ''", "join: '&'", "first", "last", "size", "reverse"),
    *("append: p.b", "prepend: made", "replace: 'x', each", "plus: 1", "times: p.a", "slice: 1, 2"),
    *("where: 'x', 1", "map: 'x'", "date: '%Y'", "compact", "truncate: 5, p.c"),
]
chains = st.lists(st.sampled_from(FILTERS), max_size=3).map(lambda chain: " | ".join(["", *chain]))
escapes = st.sampled_from(["_html", "_plain", "_url", "_style"])
outputs = st.builds("{{{{ {}{} | {} }}}}".format, printable, chains, escapes)
literals = st.sampled_from(["text", " ", "\n", "{ x }", "é&<", "{{- 'y' | _html -}}"])
comparisons = st.builds(
    "{} {} {}".format,
    atoms,
    st.sampled_from(["==", "!=", "<>", "<", ">", "<=", ">=", "contains"]),
    atoms,
)
tests = st.recursive(
    atoms | comparisons,
    lambda inner: st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=4,
)
bounds = st.sampled_from(
    [
        *("", " limit: 2", " offset: 1", " reversed", " limit: p.a offset: 1", " limit: 0"),
        *(" offset: continue", " limit: 1 offset: 1 reversed", " limit: nil"),
    ]
)
iterables = atoms | st.sampled_from(["(1..3)", "(p.a..p.b)", "(0..q)"])


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=4).map("".join)
    names = st.sampled_from(["each", "other"])
    return st.one_of(
        st.builds("{{% if {} %}}{}{{% endif %}}".format, tests, body),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, tests, body, body),
        st.builds(
            "{{% if {} %}}{}{{% elsif {} %}}{}{{% endif %}}".format, tests, body, tests, body
        ),
        st.builds(
            "{{% unless {} -%}}{}{{% elsif {} %}}{}{{% else %}}{}{{%- endunless %}}".format,
            *(tests, body, tests, body, body),
        ),
        st.builds("{{% for {} in {}{} %}}{}{{% endfor %}}".format, names, iterables, bounds, body),
        st.builds(
            "{{% for {} in {} %}}{}{{% if {} %}}{{% {} %}}{{% endif %}}{}"
            "{{% else %}}{}{{% endfor %}}".format,
            *(names, iterables, body, tests, st.sampled_from(["break", "continue"]), body, body),
        ),
        st.builds(
            "{{% case {} %}} {{% when {} %}}{}{{% when {}, {} %}}{}{{% else %}}{}"
            "{{% endcase %}}".format,
            *(atoms, atoms, body, atoms, atoms, body, body),
        ),
        st.builds("{{% assign made = {}{} %}}".format, printable, chains),
        st.builds("{{% capture made %}}{}{{% endcapture %}}".format, body),
        st.builds("{{% comment %}}{}{{% endcomment %}}".format, body),
    )


sources = st.lists(st.recursive(outputs | literals, blocks, max_leaves=14), max_size=6).map("".join)


@given(sources, people, values)
@example("{% for each in p.a %}{% capture made %}{% break %}{% endcapture %}{% endfor %}", {}, 1)
@settings(max_examples=100, deadline=None)
def test_a_program_prints_what_the_library_prints(source, person, q):
    data = {"p": person, "q": q}

    printed = _outcome(lambda scope: "".join(compiled(source, TEXT)(scope)), data)
    interpreted = _outcome(lambda scope: _interpreted(source, scope), data)

    assert printed == interpreted


def _interpreted(source, scope):
    return "".join(interpret(node, scope) for node in parse(source))


def _outcome(render, data):
    """What is printed, or None when it fails: both ways fail, though not with the same words."""
    scope = Scope(data)
    scope.deadline = math.inf
    try:
        return render(scope)
    except Exception:  # noqa: BLE001 - as in rendering
        return None


@pytest.mark.parametrize("form", [TEXT, QUOTED])
def test_the_second_time_prints_the_same(form):
    source = (
        "{{ a | _html }}|{{ b | _html }}|{{ c | _html }}|{{ d | _html }}|{{ e | _html }}|"
        "{{ f | _html }}|{{ g | _plain }}|{{ h | _url }}"
    )
    data = {"a": 1, "b": "1", "c": True, "d": "true", "e": 1.0, "f": "<&>", "g": "<&>", "h": "<&>"}
    program = compiled(source, form)

    first, second = program(Scope(data)), program(Scope(data))

    assert first == second
    if form is TEXT:
        assert "".join(first) == "1|1|true|true|1.0|&lt;&amp;&gt;|<&>|%3C%26%3E"


@given(sources)
@settings(max_examples=50, deadline=None)
def test_the_code_has_no_words_but_ours(source):
    code, names = write(source, TEXT)

    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name | ast.arg):
            name = node.id if isinstance(node, ast.Name) else node.arg
            assert re.fullmatch(r"[crvpfn]\d+|[A-Za-z_]+", name)
            assert re.fullmatch(r"[crvpfn]\d+|out|data|made|scope|start|encode", name) or (
                name in names or name in names["__builtins__"]
            )
        if isinstance(node, ast.Constant):
            assert node.value in (None, True, False) or isinstance(node.value, int)
        if isinstance(node, ast.Attribute):
            assert node.attr in ("__class__", "data", "forget", "get", "assign", "count")


@pytest.mark.parametrize(
    "source",
    [
        "{{ '\n import os' | _html }}",
        "{% assign os = \"');import os;('\" %}{{ os | append: '\\' | _plain }}",
        "{{ x['] = 1; import os #'] | _html }}",
        "{{ x | default: 1, __import__: 'os' | _html }}",
    ],
)
def test_words_of_a_template_are_never_code(source):
    code, _ = write(source, TEXT)

    assert "import" not in code
    assert "os" not in re.findall(r"\w+", code)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ p[q] | _html }}", "Ann"),
        ("{% for a in l %}" * 9 + "{{ a | _html }}" + "{% break %}{% endfor %}" * 9, "1"),
        ("{% if q == 'b' %}{% elsif" + " q == 'b' %}{% elsif" * 50 + " q %}x{% endif %}", "x"),
        ("{% for a in l %}{% capture c %}{% break %}{% endcapture %}x{% endfor %}", ""),
        ("{% if " + "q and " * 60 + "q %}x{% endif %}", "x"),
    ],
)
def test_the_library_does_what_is_rare(source, expected):
    program = compiled(source + "{{ q | _html }}", TEXT)

    assert "".join(program(Scope({"p": {"a": "Ann"}, "q": "a", "l": [1, 2]}))) == f"{expected}a"
    assert "interpret(" in write(source, TEXT)[0]


def test_a_loop_goes_on_where_the_last_one_stopped():
    source = "{% for each in l LIMIT %}{{ each | _html }}{% else %}.{% endfor %}"
    loops = [source.replace("LIMIT", bounds) for bounds in ("limit: 1", "offset: continue")]

    program = compiled("-".join([*loops, loops[1]]), TEXT)

    assert "".join(program(Scope({"l": [1, 2, 3]}))) == "1-23-."


@pytest.mark.parametrize("name", STOPPED)
def test_what_is_stopped_in_a_program_is_stopped_in_the_library(name):
    source = re.sub(r"\}\}", "| _plain }}", STOPPED[name])

    with pytest.raises((LiquidError, ValueError)):
        _interpreted(source, Scope({"subscriber": {}}))


def test_a_loop_pays_for_what_it_prints():
    scope = Scope({"l": list(range(100))})
    before = scope.work

    compiled("{% for each in l %}{{ 'xy' | _html }}{{ each | _html }}{% endfor %}", TEXT)(scope)

    # 3 nodes a turn, of which one is the body; then 2 characters and a number each
    assert before - scope.work == 100 * 3 + 200 + 190


def test_a_name_that_is_made_stays_in_its_program():
    scope = Scope({})
    compiled("{% assign a = 'x' %}", TEXT)(scope)

    assert "".join(compiled("{{ a | _html }}", TEXT)(scope)) == ""
    assert (
        "".join(compiled("{% if a %}{{ p[a] | _html }}{{ a | _html }}{% endif %}", TEXT)(scope))
        == ""
    )
