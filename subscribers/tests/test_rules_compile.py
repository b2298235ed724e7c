"""How rules become SQL: what people write never does, and large tables are read once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection

from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from subscribers import events
from subscribers.events import NewEvent
from subscribers.models import SegmentMember, Tag, TagAssignment
from subscribers.segments import rules
from subscribers.segments.compile import among, answers, everybody, matching
from subscribers.tests.factories import ListFactory, SegmentFactory, make_audience, make_people

pytestmark = pytest.mark.django_db

HOSTILE = "x'\"); DROP TABLE subscribers_event; -- %(now)s {} %s \\"


def test_nothing_that_people_write_becomes_sql():
    tree = {
        "all": [
            {"field": HOSTILE, "op": "is", "value": HOSTILE},
            {"field": HOSTILE, "op": "contains", "value": HOSTILE},
            {"field": HOSTILE, "op": "in", "value": [HOSTILE]},
            {
                "event": HOSTILE,
                "where": [{"property": HOSTILE, "op": "starts_with", "value": HOSTILE}],
            },
            {"tag": HOSTILE, "op": "has"},
            {"message": "sent", "of": {"sequence": HOSTILE, "step": HOSTILE}},
        ]
    }
    statement = everybody(rules.parse(tree), WorkspaceFactory(), now=clock.now())

    written = statement.sql.as_string()

    assert "DROP" not in written
    assert "x'" not in written
    assert set(re.findall(r"%\((\w+)\)s", written)) <= statement.parameters.keys()
    assert statement.rows() == []
    assert connection.introspection.table_names().count("subscribers_event") == 1


def test_several_rules_are_asked_by_one_statement(django_assert_num_queries):
    (person,) = make_people(1, workspace=WorkspaceFactory())
    first, second = (rules.parse({"field": "email", "op": op}) for op in ("exists", "missing"))

    with django_assert_num_queries(1):
        assert answers([first, second, first], person.workspace, [person.pk], now=clock.now()) == [
            {person.pk},
            set(),
            {person.pk},
        ]
    with django_assert_num_queries(0):
        assert answers([], person.workspace, [person.pk], now=clock.now()) == []


def test_nobody_is_asked_about_nobody():
    rule = rules.parse({"field": "email", "op": "exists"})

    assert matching(rule, WorkspaceFactory(), [], now=clock.now()) == set()


def make_crowd(count):
    """People with a place each, a tag and a segment of few of them, and two events each."""
    news = ListFactory(slug="news")
    people = make_audience(count, on=news)
    tag = Tag.objects.create(workspace=news.workspace, name="VIP", slug="vip")
    segment = SegmentFactory(workspace=news.workspace, slug="few")
    now = clock.now()
    TagAssignment.objects.bulk_create(
        TagAssignment(tag=tag, subscriber=person) for person in people[::50]
    )
    SegmentMember.objects.bulk_create(
        SegmentMember(segment=segment, subscriber=person, entered_at=now) for person in people[::50]
    )
    events.record_many(
        NewEvent(news.workspace_id, person.pk, "custom", now - timedelta(days=day), name="visit")
        for person in people
        for day in range(2)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return people


@pytest.fixture
def _many(monkeypatch):
    """Any workspace counts as a large one."""
    monkeypatch.setattr("subscribers.segments.compile.FEW", 0)


EVERYTHING = {
    "any": [
        {"tag": "vip", "op": "has"},
        {"list": "news", "op": "confirmed"},
        {"segment": "few"},
        {"event": "visit", "count": {"op": "at_least", "value": 2}},
        {"event": "visit", "within": "P2D"},
        {"none": [{"event": "order"}, {"message": "opened", "within": "P30D"}]},
    ]
}


def plan_of(statement):
    with connection.cursor() as cursor:
        explain = f"EXPLAIN (COSTS OFF) {statement.sql.as_string(cursor.connection)}"
        cursor.execute(explain, statement.parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def scanned(plan):
    """The tables of some size that are read from end to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= 5000")
        large = {name for (name,) in cursor.fetchall()}
    assert len(large) >= 3
    return large & set(re.findall(r"Seq Scan on (\w+)", plan))


def test_a_batch_is_looked_up_by_key():
    crowd = make_crowd(5000)
    ids = [person.pk for person in crowd[:10]]
    statement = among(rules.parse(EVERYTHING), crowd[0].workspace, ids, now=clock.now())

    assert {pk for (pk,) in statement.rows()} == set(ids)
    assert scanned(plan_of(statement)) == set()


@pytest.mark.usefixtures("_many")
def test_the_log_is_read_once_for_a_whole_workspace():
    crowd = make_crowd(100)
    rule = rules.parse(EVERYTHING)

    plan = plan_of(everybody(rule, crowd[0].workspace, now=clock.now()))

    partitions = re.findall(r"subscribers_event_\d{4}_\d\d\b", plan)
    assert partitions
    assert len(partitions) == len(set(partitions))
    assert "SubPlan" not in plan  # nothing is asked person by person
    assert "Aggregate" in plan


@pytest.mark.usefixtures("_many")
def test_a_search_may_begin_with_whatever_is_rare():
    """What a rule needs of everybody is joined, not looked up beside each person of all."""
    crowd = make_crowd(100)
    rule = rules.parse(
        {
            "all": [
                {"tag": "vip", "op": "has"},
                {"list": "news", "op": "confirmed"},
                {"segment": "few"},
                {"event": "visit", "count": {"op": "exactly", "value": 2}},
            ]
        }
    )

    assert "Left" not in plan_of(everybody(rule, crowd[0].workspace, now=clock.now()))


@pytest.mark.usefixtures("_many")
def test_months_that_no_condition_looks_at_are_left_out():
    crowd = make_crowd(100)
    recent = {"event": "visit", "within": "P2D"}
    workspace, now = crowd[0].workspace, clock.now() + timedelta(days=100)

    plan = plan_of(everybody(rules.parse(recent), workspace, now=now))
    whole = plan_of(everybody(rules.parse({"any": [recent, {"event": "x"}]}), workspace, now=now))

    month = f"subscribers_event_{clock.now():%Y_%m}"
    assert month not in plan
    assert month in whole


def test_the_people_of_a_small_workspace_are_looked_up_by_key():
    crowd = make_crowd(3)
    workspace, ids = crowd[0].workspace, [person.pk for person in crowd]

    counts = everybody(rules.parse({"event": "visit"}), workspace, now=clock.now())
    others = everybody(rules.parse({"list": "news", "op": "never"}), workspace, now=clock.now())

    assert ids in counts.parameters.values()
    assert ids not in others.parameters.values()
