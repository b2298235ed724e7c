"""The rule language as data: what is read, what is refused and where, what is written."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from emailseq.lib.errors import Invalid
from subscribers.segments import rules
from subscribers.segments.comparisons import Comparison, Entry
from subscribers.segments.rules import (
    Count,
    Field,
    Group,
    Happened,
    InSegment,
    Listed,
    Property,
    Reference,
    Source,
    Tagged,
)

VIP = {"tag": "vip", "op": "has"}


def faults(data, **options):
    with pytest.raises(Invalid) as refused:
        rules.parse(data, **options)
    return [(fault.pointer, fault.code, fault.detail) for fault in refused.value.errors]


def nested(depth, kind="all"):
    return {kind: [nested(depth - 1, kind)]} if depth else VIP


def field(op, **value):
    return {"field": "plan", "op": op, **value}


READ = [
    (VIP, Tagged("vip", True)),
    ({"tag": "vip", "op": "has_not"}, Tagged("vip", False)),
    ({"list": "news", "op": "not_confirmed"}, Listed("news", "not_confirmed")),
    ({"segment": "regulars"}, InSegment("regulars")),
    (field("exists"), Field("plan", Comparison("exists"))),
    (field("is", value="pro"), Field("plan", Comparison("is", "pro"))),
    (field("is_not", value=False), Field("plan", Comparison("is_not", False))),
    (field("in", value=["a", "b"]), Field("plan", Comparison("in", ("a", "b")))),
    (field("not_in", value=[1, 2.5]), Field("plan", Comparison("not_in", (1, 2.5)))),
    (field("gte", value=2.5), Field("plan", Comparison("gte", 2.5))),
    (field("between", value=[1, 1]), Field("plan", Comparison("between", (1, 1)))),
    (
        field("between", value=["2026-01-01", "2026-12-31"]),
        Field("plan", Comparison("between", (date(2026, 1, 1), date(2026, 12, 31)))),
    ),
    (field("on", value="2024-02-29"), Field("plan", Comparison("on", date(2024, 2, 29)))),
    (field("in_last", value="P7D"), Field("plan", Comparison("in_last", timedelta(days=7)))),
    ({"event": "paid"}, Happened("custom", "paid")),
    (
        {
            "event": "paid",
            "where": [{"property": "total", "op": "gt", "value": 9}],
            "count": {"op": "exactly", "value": 0},
            "within": "P1DT12H",
        },
        Happened(
            "custom",
            "paid",
            where=(Property("total", Comparison("gt", 9)),),
            count=Count("exactly", 0),
            within=timedelta(days=1, hours=12),
        ),
    ),
    ({"message": "opened"}, Happened("message.opened", verdict="human")),
    ({"message": "clicked", "verdict": "any"}, Happened("message.clicked", verdict="any")),
    ({"message": "bounced"}, Happened("message.bounced")),
    (
        {"message": "sent", "of": {"sequence": "welcome", "step": "abc"}},
        Happened("message.sent", source=Source("sequence", "welcome", "abc")),
    ),
    (
        {"message": "sent", "of": {"campaign": "spring"}},
        Happened("message.sent", source=Source("campaign", "spring")),
    ),
    (
        {"enrollment": "goal", "of": "welcome", "within": "PT45S"},
        Happened(
            "enrollment.goal",
            source=Source("sequence", "welcome"),
            within=timedelta(seconds=45),
        ),
    ),
    (
        {"all": [VIP, {"none": [{"segment": "x"}]}]},
        Group("all", (Tagged("vip", True), Group("none", (InSegment("x"),)))),
    ),
]


@pytest.mark.parametrize(("data", "rule"), READ)
def test_rules_are_read_and_written(data, rule):
    assert rules.parse(data) == rule
    assert rules.dump(rule) == data


def test_what_is_so_by_default_is_not_written():
    spelt_out = {
        "message": "opened",
        "verdict": "human",
        "count": {"op": "at_least", "value": 1},
        "within": "P2W",
    }

    assert rules.dump(rules.parse(spelt_out)) == {"message": "opened", "within": "P14D"}


ONE_OF = "This must be one of "
REFUSED = [
    ([], ("", "invalid", "This must be an object.")),
    ("all", ("", "invalid", "This must be an object.")),
    ({"all": []}, ("/all", "invalid", "This must be a list, and not empty.")),
    ({"none": {}}, ("/none", "invalid", "This must be a list, and not empty.")),
    ({"tag": "", "op": "has"}, ("/tag", "invalid", "This must be text, and not empty.")),
    ({"tag": 7, "op": "has"}, ("/tag", "invalid", "This must be text, and not empty.")),
    ({"tag": "a" * 501, "op": "has"}, ("/tag", "too_long", "At most 500 characters.")),
    (
        {"tag": "a\0", "op": "has"},
        ("/tag", "invalid_characters", "It holds NUL or half of a character."),
    ),
    ({"tag": "vip"}, ("/op", "required", "“op” is missing.")),
    (
        {"tag": "vip", "op": "hass"},
        ("/op", "invalid", f"{ONE_OF}has, has_not. Did you mean “has”?"),
    ),
    (
        {"list": "news", "op": "confirm"},
        (
            "/op",
            "invalid",
            f"{ONE_OF}confirmed, pending, unsubscribed, never, not_confirmed. "
            "Did you mean “confirmed”?",
        ),
    ),
    (
        {"segment": "x", "op": "in"},
        ("/op", "unknown_field", "“op” has no place here."),
    ),
    (
        {"segment": "x", "a/b~c": 1},
        ("/a~1b~0c", "unknown_field", "“a/b~c” has no place here."),
    ),
    ({"all": [VIP], "any": [VIP]}, ("/any", "unknown_field", "“any” has no place here.")),
    (field("is"), ("/value", "required", "“value” is missing.")),
    (
        field("exists", value=True),
        ("/value", "unknown_field", "“value” has no place here."),
    ),
    (
        field("is", value=None),
        ("/value", "invalid", "This must be text, a number, true or false."),
    ),
    (
        field("is", value=["pro"]),
        ("/value", "invalid", "This must be text, a number, true or false."),
    ),
    (field("is", value=""), ("/value", "invalid", "This must be text, and not empty.")),
    (field("contains", value=1), ("/value", "invalid", "This must be text, and not empty.")),
    (field("gt", value="5"), ("/value", "invalid", "This must be a number.")),
    (field("gt", value=True), ("/value", "invalid", "This must be a number.")),
    (field("gt", value=float("nan")), ("/value", "invalid", "This must be a number.")),
    (field("is", value=float("inf")), ("/value", "invalid", "This must be a number.")),
    (
        field("gt", value=10**15 + 1),
        ("/value", "too_large", "At most 1,000,000,000,000,000."),
    ),
    (field("in", value="pro"), ("/value", "invalid", "This must be a list, and not empty.")),
    (
        field("in", value=["pro", 1]),
        ("/value", "invalid", "This must be a list of texts, or of numbers."),
    ),
    (
        field("in", value=[1, True]),
        ("/value", "invalid", "This must be a list of texts, or of numbers."),
    ),
    (field("in", value=[1] * 1001), ("/value", "too_long", "At most 1,000 choices.")),
    (
        field("in", value=["pro", ""]),
        ("/value/1", "invalid", "This must be text, and not empty."),
    ),
    (
        field("between", value=[1]),
        ("/value", "invalid", "This must be a list of two: from and to."),
    ),
    (
        field("between", value=[2, 1]),
        ("/value", "invalid", "The first must not be more than the second."),
    ),
    (
        field("between", value=["2026-01-01", 5]),
        ("/value/1", "invalid", "This must be a date like 2026-12-24."),
    ),
    *(
        (field("on", value=day), ("/value", "invalid", "This must be a date like 2026-12-24."))
        for day in ("2026-02-30", "20260201", "0999-12-31", "3000-01-01", "2026-1-1", 20260101)
    ),
    *(
        (
            field("in_last", value=span),
            ("/value", "invalid", "This must be a duration like P30D, P2W or PT12H."),
        )
        for span in ("P", "P0D", "PT", "P1M", "P1Y", "7 days", "-P1D", "P-1D", "P1.5D", 7, "٣")
    ),
    (field("in_next", value="P3661D"), ("/value", "too_large", "At most P3660D.")),
    (field("in_next", value="P" + "9" * 25 + "D"), ("/value", "too_large", "At most P3660D.")),
    (
        field("anniversary_in", value="PT36H"),
        ("/value", "invalid", "Dates are counted in whole days: P7D, P2W."),
    ),
    (
        {"event": "x", "count": {"op": "at_least", "value": 0}},
        ("/count/value", "invalid", "At least 0 is always so."),
    ),
    (
        {"event": "x", "count": {"op": "exactly", "value": True}},
        ("/count/value", "invalid", "This must be a whole number from 0 to 1,000,000."),
    ),
    ({"event": "x", "count": 3}, ("/count", "invalid", "This must be an object.")),
    ({"event": "x", "where": []}, ("/where", "invalid", "This must be a list, and not empty.")),
    (
        {"event": "x", "where": [{"property": "a", "op": "is", "entry": "b"}]},
        ("/where/0/value", "required", "“value” is missing."),
    ),
    (
        {"message": "openned"},
        ("/message", "invalid", f"{ONE_OF}{', '.join(rules.MESSAGES)}. Did you mean “opened”?"),
    ),
    (
        {"message": "sent", "verdict": "any"},
        ("/verdict", "unknown_field", "“verdict” has no place here."),
    ),
    ({"message": "sent", "of": {}}, ("/of/sequence", "required", "“sequence” is missing.")),
    (
        {"message": "sent", "of": {"campaign": "c", "step": "s"}},
        ("/of/step", "unknown_field", "“step” has no place here."),
    ),
    ({"enrollment": "goal", "of": {}}, ("/of", "invalid", "This must be text, and not empty.")),
    (
        nested(6),
        ("/all/0/all/0/all/0/all/0/all/0", "too_deep", "Groups stand at most 5 deep."),
    ),
    (
        {"any": [VIP] * 101},
        ("", "too_long", "A rule takes at most 100 conditions, not 101."),
    ),
]


@pytest.mark.parametrize(("data", "fault"), REFUSED)
def test_each_fault_is_told_with_its_place(data, fault):
    first, *others = faults(data)

    assert first == fault
    assert all(code in ("unknown_field", "required") for _, code, _ in others)


def test_the_largest_rules_are_taken():
    assert sum(1 for _ in rules.conditions(rules.parse({"any": [VIP] * 100}))) == 100
    assert rules.dump(rules.parse(nested(5))) == nested(5)


def test_every_fault_is_told_at_once_below_the_pointer_that_is_given():
    data = {"all": [field("gt", value="x"), {"any": [VIP, {"tagg": "vip"}]}]}

    found = faults(data, at="/entry_rule")

    assert [(pointer, code) for pointer, code, _ in found] == [
        ("/entry_rule/all/0/value", "invalid"),
        ("/entry_rule/all/1/any/1", "required"),
    ]
    assert found[1][2].endswith("Did you mean “tag”?")


def test_an_operator_that_is_unknown_is_told_with_the_one_that_was_meant():
    ((pointer, code, detail),) = faults(field("startswith", value="a"))

    assert (pointer, code) == ("/op", "invalid")
    assert detail.endswith("Did you mean “starts_with”?")


def test_properties_may_compare_with_the_entering_event_where_that_is_allowed():
    data = [{"property": "cart", "op": "is", "entry": "cart_id"}]

    where = rules.parse_where(data, entry=True)

    assert where == (Property("cart", Comparison("is", Entry("cart_id"))),)
    assert rules.dump_where(where) == data


def test_the_entering_event_can_only_be_equalled():
    with pytest.raises(Invalid) as refused:
        rules.parse_where([{"property": "a", "op": "gt", "entry": "b"}], at="/where", entry=True)

    (fault,) = refused.value.errors
    assert (fault.pointer, fault.code) == ("/where/0/op", "invalid")
    assert fault.detail == "This must be one of is, is_not."


NAMING = {
    "all": [
        {"tag": "vip", "op": "has"},
        {"any": [{"list": "news", "op": "never"}, {"segment": "s"}]},
        {"message": "sent", "of": {"campaign": "spring"}},
        {"message": "sent", "of": {"sequence": "welcome", "step": "k"}},
        {"message": "sent"},
        {"enrollment": "goal", "of": "welcome"},
        {"event": "x"},
        field("exists"),
    ]
}


def test_references_are_listed_with_their_places():
    assert list(rules.references(rules.parse(NAMING), "/rule")) == [
        Reference("tag", "vip", "/rule/all/0/tag"),
        Reference("list", "news", "/rule/all/1/any/0/list"),
        Reference("segment", "s", "/rule/all/1/any/1/segment"),
        Reference("campaign", "spring", "/rule/all/2/of/campaign"),
        Reference("sequence", "welcome", "/rule/all/3/of/sequence"),
        Reference("sequence", "welcome", "/rule/all/5/of"),
    ]


def test_references_are_renamed_by_noun_and_the_rest_is_kept():
    names = {("tag", "vip"): "tag_1", ("sequence", "welcome"): "seq_1", ("list", "s"): "no"}

    renamed = rules.dump(rules.renamed(rules.parse(NAMING), names))

    assert renamed["all"][0] == {"tag": "tag_1", "op": "has"}
    assert renamed["all"][1] == NAMING["all"][1]
    assert renamed["all"][3]["of"] == {"sequence": "seq_1", "step": "k"}
    assert renamed["all"][5] == {"enrollment": "goal", "of": "seq_1"}
    assert renamed["all"][6:] == NAMING["all"][6:]
