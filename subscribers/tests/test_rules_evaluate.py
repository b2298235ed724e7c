"""What rules mean, condition by condition, for a person in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from subscribers.segments import rules
from subscribers.segments.evaluate import Fact, Profile, fold, holds, matches

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CREATED = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
PERSON = Profile(
    values={
        "email": "Ada@Example.com",
        "first_name": "Ada",
        "last_name": "",
        "created_at": CREATED,
        "plan": "Pro",
        "seats": 5,
        "ratio": 0.1,
        "active": True,
        "renewal": "2026-03-17",
        "born": "1988-02-29",
        "note": None,
        "list": ["a"],
        "city": "İstanbul ΟΔΟΣ",
    },
    tags={"vip"},
    lists={"news": "confirmed", "offers": "unsubscribed", "beta": "pending"},
    segments={"regulars"},
)


def field(name, op, *value):
    return {"field": name, "op": op, **({"value": value[0]} if value else {})}


def check(rule, profile=PERSON, *, now=NOW, zone="UTC"):
    return holds(rules.parse(rule), profile, now, zone=zone)


MATCH = [
    field("plan", "is", "pro"),
    field("plan", "is", "PRO"),
    field("email", "contains", "@EXAMPLE."),
    field("email", "starts_with", "ada"),
    field("email", "ends_with", ".COM"),
    field("plan", "in", ["free", "pRo"]),
    field("plan", "is_not", "free"),
    field("plan", "not_in", ["free", "team"]),
    field("plan", "not_contains", "free"),
    field("city", "contains", "istanbul οδοσ"),
    field("seats", "is", 5),
    field("seats", "is", 5.0),
    field("seats", "in", [1, 5]),
    field("seats", "gte", 5),
    field("seats", "gt", 4.9),
    field("seats", "lte", 5),
    field("seats", "lt", 5.1),
    field("seats", "between", [5, 7]),
    field("ratio", "is", 0.1),
    field("active", "is", True),
    field("active", "is_not", False),
    field("plan", "exists"),
    field("list", "exists"),
    field("last_name", "missing"),
    field("note", "missing"),
    field("unheard_of", "missing"),
    # The opposite holds for whoever the positive does not match: the missing and the mistyped too.
    field("unheard_of", "is_not", "pro"),
    field("note", "not_in", ["pro"]),
    field("seats", "is_not", "5"),
    field("list", "not_contains", "a"),
    # Dates.
    field("renewal", "after", "2026-03-16"),
    field("renewal", "before", "2026-03-18"),
    field("renewal", "on", "2026-03-17"),
    field("renewal", "between", ["2026-03-17", "2026-03-17"]),
    field("renewal", "in_next", "P7D"),
    field("created_at", "in_last", "P9D"),
    field("created_at", "on", "2026-03-01"),
    # Tags, lists, segments.
    {"tag": "vip", "op": "has"},
    {"tag": "other", "op": "has_not"},
    {"list": "news", "op": "confirmed"},
    {"list": "offers", "op": "unsubscribed"},
    {"list": "beta", "op": "pending"},
    {"list": "other", "op": "never"},
    {"list": "other", "op": "not_confirmed"},
    {"list": "beta", "op": "not_confirmed"},
    {"segment": "regulars"},
    # Groups.
    {"all": [field("plan", "exists"), {"tag": "vip", "op": "has"}]},
    {"any": [field("plan", "missing"), {"tag": "vip", "op": "has"}]},
    {"none": [field("plan", "missing"), {"tag": "vip", "op": "has_not"}]},
]
MISS = [
    field("plan", "is", "pr"),
    field("plan", "is", 5),
    field("seats", "is", "5"),
    field("active", "is", 1),
    field("seats", "is", True),
    field("seats", "in", ["5"]),
    field("seats", "contains", "5"),
    field("plan", "gt", 5),
    field("active", "gte", 0),
    field("seats", "between", [6, 7]),
    field("unheard_of", "is", "pro"),
    field("unheard_of", "exists"),
    field("note", "exists"),
    field("last_name", "exists"),
    field("last_name", "starts_with", "a"),
    field("plan", "after", "2020-01-01"),
    field("plan", "anniversary_in", "P366D"),
    field("seats", "in_last", "P30D"),
    field("renewal", "in_next", "P6D"),
    field("renewal", "in_last", "P30D"),
    field("renewal", "before", "2026-03-17"),
    field("renewal", "after", "2026-03-17"),
    field("created_at", "in_last", "P8D"),
    field("created_at", "is", "2026-03-01"),
    {"tag": "vip", "op": "has_not"},
    {"tag": "other", "op": "has"},
    {"list": "news", "op": "not_confirmed"},
    {"list": "news", "op": "never"},
    {"list": "offers", "op": "confirmed"},
    {"list": "other", "op": "unsubscribed"},
    {"segment": "others"},
    {"all": [field("plan", "exists"), {"tag": "vip", "op": "has_not"}]},
    {"any": [field("plan", "missing"), {"tag": "vip", "op": "has_not"}]},
    {"none": [field("plan", "missing"), {"tag": "vip", "op": "has"}]},
]


@pytest.mark.parametrize("rule", MATCH, ids=str)
def test_it_matches(rule):
    assert check(rule)
    assert not check({"none": [rule]})


@pytest.mark.parametrize("rule", MISS, ids=str)
def test_it_does_not_match(rule):
    assert not check(rule)
    assert check({"none": [rule]})


def test_nobody_who_is_archived_matches_anything():
    rule = rules.parse({"tag": "vip", "op": "has"})

    assert holds(rule, Profile(tags={"vip"}), NOW)
    assert not holds(rule, Profile(tags={"vip"}, archived=True), NOW)
    assert not holds(rules.parse({"none": [{"segment": "x"}]}), Profile(archived=True), NOW)


def test_days_are_those_of_the_workspace():
    created = field("created_at", "on", "2026-03-02")

    assert check(created, zone="Pacific/Auckland")
    assert not check(created, zone="America/New_York")


def test_today_is_that_of_the_workspace():
    renews = field("renewal", "in_next", "P6D")  # seven days from 10 March, six from the 11th

    assert not check(renews, zone="UTC")
    assert check(renews, zone="Pacific/Kiritimati")  # where it is the 11th already


@pytest.mark.parametrize(
    ("today", "ahead", "born", "expected"),
    [
        ("2026-12-30", "P3D", "1990-01-02", True),  # across the new year
        ("2026-12-30", "P3D", "1990-01-03", False),
        ("2026-12-30", "P3D", "1990-12-29", False),
        ("2026-12-30", "P1D", "2040-12-31", True),  # the year does not matter
        ("2026-02-27", "P1D", "1988-02-29", True),  # on the 28th when there is no 29th
        ("2026-03-01", "P1D", "1988-02-29", False),
        ("2028-02-28", "P1D", "1988-02-29", True),
        ("2028-02-27", "P1D", "1988-02-29", False),  # 2028 has one
        ("2028-02-28", "P1D", "1988-02-28", True),
        ("2026-05-05", "P366D", "1988-02-29", True),
        ("2026-05-05", "P3660D", "1988-05-04", True),
    ],
)
def test_anniversaries_are_of_day_and_month(today, ahead, born, expected):
    now = datetime.fromisoformat(f"{today}T12:00Z")
    person = Profile(values={"born": born})

    assert check(field("born", "anniversary_in", ahead), person, now=now) is expected


def fact(kind="custom", *, ago=timedelta(0), **attributes):
    return Fact(kind, NOW - ago, **attributes)


ORDERS = Profile(
    facts=[
        fact(name="order", ago=timedelta(days=30), properties={"total": 50, "shop": "Berlin"}),
        fact(name="order", ago=timedelta(days=31), properties={"total": 150}),
        fact(name="visit"),
        fact("message.opened", source="seq_1", step="a", verdict="human"),
        fact("message.opened", source="seq_1", step="b", verdict="machine"),
        fact("message.sent", source="cmp_1"),
        fact("enrollment.started", source="seq_1"),
        fact("tag.added", name=""),
    ]
)


def times(op, value):
    return {"count": {"op": op, "value": value}}


def total(op, value):
    return {"where": [{"property": "total", "op": op, "value": value}]}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"event": "order"}, True),
        ({"event": "orders"}, False),
        ({"event": "order", **times("at_least", 2)}, True),
        ({"event": "order", **times("at_least", 3)}, False),
        ({"event": "order", **times("at_most", 2)}, True),
        ({"event": "order", **times("at_most", 1)}, False),
        ({"event": "order", **times("exactly", 2)}, True),
        ({"event": "nothing", **times("exactly", 0)}, True),
        ({"event": "nothing", **times("at_most", 3)}, True),
        ({"event": "order", "within": "P30D", **times("exactly", 1)}, True),
        ({"event": "order", "within": "P29DT23H"}, False),
        ({"event": "order", "within": "P31D", **times("exactly", 2)}, True),
        ({"event": "order", **total("gte", 100), **times("exactly", 1)}, True),
        ({"event": "order", **total("gte", 151)}, False),
        ({"event": "order", "where": [{"property": "shop", "op": "is", "value": "BERLIN"}]}, True),
        ({"event": "order", "where": [{"property": "shop", "op": "missing"}]}, True),
        ({"message": "opened"}, True),
        ({"message": "opened", **times("exactly", 1)}, True),
        ({"message": "opened", "verdict": "any", **times("exactly", 2)}, True),
        ({"message": "opened", "verdict": "machine", "of": {"sequence": "seq_1"}}, True),
        ({"message": "opened", "of": {"sequence": "seq_1", "step": "a"}}, True),
        ({"message": "opened", "of": {"sequence": "seq_1", "step": "b"}}, False),
        ({"message": "opened", "of": {"sequence": "seq_2"}}, False),
        ({"message": "opened", "of": {"campaign": "cmp_1"}}, False),
        ({"message": "sent", "of": {"campaign": "cmp_1"}}, True),
        ({"message": "clicked"}, False),
        ({"enrollment": "started", "of": "seq_1"}, True),
        ({"enrollment": "started"}, True),
        ({"enrollment": "started", "of": "seq_2"}, False),
    ],
    ids=str,
)
def test_what_happened_is_counted(rule, expected):
    assert check(rule, ORDERS) is expected
    assert check({"none": [rule]}, ORDERS) is not expected


def test_properties_may_equal_those_of_the_entering_event():
    data = [
        {"property": "cart", "op": "is", "entry": "cart_id"},
        {"property": "shop", "op": "is_not", "entry": "shop"},
    ]
    where = rules.parse_where(data, entry=True)

    def match(properties, entry):
        return matches(where, properties, entry, now=NOW)

    assert match({"cart": "C1", "shop": "b"}, {"cart_id": "c1", "shop": "a"})
    assert match({"cart": 7}, {"cart_id": 7})
    assert not match({"cart": "c2"}, {"cart_id": "c1"})
    assert not match({"cart": "7"}, {"cart_id": 7})
    assert not match({"cart": None}, {})  # what is missing equals nothing
    assert not match({}, {"cart_id": "c1"})
    assert not match({"cart": "c1", "shop": "a"}, {"cart_id": "c1", "shop": "A"})


@pytest.mark.parametrize(
    ("text", "folded"), [("İZMİR", "izmir"), ("ΟΔΟΣ", "οδοσ"), ("Straße", "straße"), ("Ǆ", "ǆ")]
)
def test_text_is_folded_letter_by_letter(text, folded):
    assert fold(text) == folded
