"""A rule and its lines say the same; whatever is missing in a line is missing in the rule."""

from __future__ import annotations

import pytest

from emailseq.lib.errors import Invalid
from subscribers.segments import lines, rules
from subscribers.segments.lines import Line

RULES = [
    {"field": "plan", "op": "exists"},
    {"field": "plan", "op": "is", "value": "pro"},
    {"field": "plan", "op": "is", "value": "42"},
    {"field": "seats", "op": "is_not", "value": 42},
    {"field": "seats", "op": "gte", "value": 0.5},
    {"field": "seats", "op": "between", "value": [1, 9]},
    {"field": "seats", "op": "in", "value": [1, 2.5]},
    {"field": "plan", "op": "not_in", "value": ["pro", "team"]},
    {"field": "plan", "op": "in", "value": ["one, two"]},
    {"field": "plan", "op": "starts_with", "value": " with blanks "},
    {"field": "plan", "op": "is", "value": "two\nlines"},
    {"field": "member", "op": "is", "value": False},
    {"field": "renewal", "op": "on", "value": "2026-12-24"},
    {"field": "renewal", "op": "between", "value": ["2026-12-24", "2027-01-06"]},
    {"field": "renewal", "op": "anniversary_in", "value": "P7D"},
    {"tag": "vip", "op": "has_not"},
    {"list": "news", "op": "not_confirmed"},
    {"segment": "regulars"},
    {"event": "order_placed"},
    {
        "event": "order_placed",
        "where": [
            {"property": "total", "op": "gte", "value": 100},
            {"property": "gift", "op": "is", "value": True},
        ],
        "count": {"op": "exactly", "value": 0},
        "within": "P30D",
    },
    {"message": "opened", "of": {"campaign": "cmp_1"}, "verdict": "any", "within": "PT12H"},
    {"message": "sent", "of": {"sequence": "welcome", "step": "a"}, "within": "PT90M"},
    {"enrollment": "goal", "of": "welcome", "count": {"op": "at_most", "value": 2}},
    {"none": [{"tag": "vip", "op": "has"}]},
    {
        "any": [
            {"all": [{"tag": "a", "op": "has"}, {"none": [{"segment": "b"}, {"segment": "c"}]}]},
            {"field": "email", "op": "ends_with", "value": "@example.com"},
        ]
    },
]


def form_of(line: Line, name: str, path: str = "0") -> dict[str, str]:
    """What a browser would send of the lines."""
    found = {f"{name}-{path}-{key}": value for key, value in line.inputs.items()}
    for place, one in enumerate(line.lines):
        found |= form_of(one, name, f"{path}.{place}")
    return found


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_comes_back_as_it_was(rule):
    written = rules.dump(rules.parse(rule))

    line = lines.read(form_of(lines.shown(written), "rule"), "rule")

    assert lines.complete(line) == line
    assert rules.dump(rules.parse(lines.written(line))) == written


def test_properties_alone_come_back_too():
    where = [
        {"property": "cart", "op": "is", "entry": "cart_id"},
        {"property": "total", "op": "in", "value": ["a", "b"]},
    ]

    line = lines.read(form_of(lines.shown(where), "where"), "where")

    assert lines.written(line) == where


def test_lines_stand_in_the_order_of_their_numbers():
    sent = {"rule-0-what": "any", "other-0-what": "all", "rule-0.x-what": "tag", "rule": "{}"}
    sent |= {f"rule-0.{number}-what": "segment" for number in (10, 2)}
    sent |= {"rule-0.10-segment": "last", "rule-0.2-segment": "first", "rule-7-what": "tag"}

    root = lines.read(sent, "rule")

    assert lines.written(root) == {"any": [{"segment": "first"}, {"segment": "last"}]}
    assert lines.read({"rule-1-what": "all"}, "rule") is None


def test_what_is_not_filled_in_is_refused_at_its_line_and_left_out_of_a_preview():
    half = Line({"what": "field:plan", "op": "is", "value": " "})
    inner = Line({"what": "none"}, [half, Line({"what": ""})])
    root = Line({"what": "all"}, [inner, Line({"what": "tag", "tag": "vip", "op": "has"})])

    with pytest.raises(Invalid) as refused:
        rules.parse(lines.written(root))

    places = [lines.path_of(problem.pointer) for problem in refused.value.errors]
    assert places == ["0.0.0", "0.0.1"]
    assert lines.written(lines.complete(root)) == {"tag": "vip", "op": "has"}
    assert lines.written(lines.complete(Line({"what": "all"}, [half]))) is None


@pytest.mark.parametrize(
    "inputs",
    [
        {"what": "field:seats", "op": "gte", "value": "many"},
        {"what": "field:renewal", "op": "in_last", "value": "a few", "unit": "days"},
        {"what": "event", "name": "order", "count": "often"},
        {"what": "event", "name": "order", "within": "9", "unit": "lifetimes", "count": "-1"},
        {"what": "field:plan", "op": "shouts", "value": "pro"},
        {"what": "message:sung"},
        {"what": "subscriber__password"},
    ],
)
def test_nonsense_is_nonsense_to_the_parser_too(inputs):
    with pytest.raises(Invalid):
        rules.parse(lines.written(Line({"what": "none"}, [Line(inputs)])))


def test_lines_are_found_and_removed_by_their_place():
    root = lines.shown({"any": [{"segment": "a"}, {"all": [{"segment": "b"}, {"segment": "c"}]}]})

    lines.remove(root, "0.1.0")
    lines.remove(root, "0")
    lines.remove(root, "0.9.1")

    assert lines.written(root) == {"any": [{"segment": "a"}, {"all": [{"segment": "c"}]}]}
    assert lines.at(root, "0.1.0").inputs["segment"] == "c"
    assert lines.at(root, "0.1.x") is None
