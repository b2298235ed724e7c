from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.tests.factories import WorkspaceFactory
from analytics import services
from analytics.models import Total
from analytics.numbers import (
    Numbers,
    numbers,
    numbers_by_day,
    numbers_by_source,
    numbers_by_step,
)
from analytics.tests.factories import NOON, make_key
from emailseq.lib import clock

pytestmark = pytest.mark.django_db


def test_opens_and_clicks_are_messages_that_humans_touched(django_assert_num_queries):
    workspace = WorkspaceFactory()
    later = NOON + timedelta(hours=3)
    services.add(
        {
            make_key(workspace, "message.sent"): Total(40),
            make_key(workspace, "message.sent", hour=later): Total(2),
            make_key(workspace, "message.skipped"): Total(3),
            make_key(workspace, "message.failed"): Total(1),
            make_key(workspace, "message.opened", verdict="human"): Total(30, 20),
            make_key(workspace, "message.opened", verdict="human", hour=later): Total(9, 1),
            make_key(workspace, "message.opened", verdict="machine"): Total(17),
            make_key(workspace, "message.clicked", verdict="human"): Total(8, 6),
            make_key(workspace, "message.clicked", verdict="machine"): Total(5),
            make_key(workspace, "message.unsubscribed"): Total(4),
            make_key(workspace, "message.bounced", verdict="hard"): Total(2),
            make_key(workspace, "message.bounced", verdict="soft"): Total(1),
            make_key(workspace, "message.complained"): Total(1),
            make_key(workspace, "conversion.reached", verdict="1"): Total(3, 2, 1990),
            make_key(workspace, "conversion.reached", verdict="2"): Total(1, 1),
        }
    )

    with django_assert_num_queries(1):
        counted = numbers("campaign", 7)

    assert counted == Numbers(
        sent=42,
        skipped=3,
        failed=1,
        opened=21,
        clicked=6,
        unsubscribed=4,
        machine_opened=17,
        machine_clicked=5,
        opens=39,
        clicks=8,
        bounced=3,
        complained=1,
        converted=3,
        conversions=4,
        revenue=1990,
    )


def test_a_source_of_the_same_id_is_another_source():
    workspace = WorkspaceFactory()
    services.add({make_key(workspace, "message.sent", source=("sequence", 7)): Total(5)})

    assert numbers("campaign", 7) == Numbers()
    assert numbers("sequence", 7) == Numbers(sent=5)


def test_each_step_has_its_numbers(django_assert_num_queries):
    workspace = WorkspaceFactory()
    welcome, offer = (
        {"source": ("sequence", 3), "step_key": step_key} for step_key in ("welcome", "offer")
    )
    services.add(
        {
            make_key(workspace, "message.sent", **welcome): Total(10),
            make_key(workspace, "message.clicked", verdict="human", **welcome): Total(7, 5),
            make_key(workspace, "message.sent", **offer, variant="a"): Total(3),
            make_key(workspace, "message.sent", **offer, variant="b"): Total(4),
        }
    )

    with django_assert_num_queries(1):
        by_step = numbers_by_step("sequence", 3)

    assert by_step == {"welcome": Numbers(sent=10, clicked=5, clicks=7), "offer": Numbers(sent=7)}


def test_a_page_of_sources_is_one_query(django_assert_num_queries):
    workspace = WorkspaceFactory()
    services.add(
        {make_key(workspace, "message.sent", source=("campaign", n)): Total(n) for n in (1, 2, 3)}
    )

    with django_assert_num_queries(1):
        by_source = numbers_by_source("campaign", [1, 3, 99])

    assert by_source == {1: Numbers(sent=1), 3: Numbers(sent=3), 99: Numbers()}


@pytest.mark.parametrize(
    ("time_zone", "expected"),
    [
        ("UTC", {date(2026, 11, 22): 0, date(2026, 11, 23): 8, date(2026, 11, 24): 1}),
        ("Pacific/Auckland", {date(2026, 11, 23): 0, date(2026, 11, 24): 9}),
        ("America/Los_Angeles", {date(2026, 11, 22): 0, date(2026, 11, 23): 9}),
    ],
)
def test_days_begin_at_midnight_where_the_workspace_is(
    time_zone, expected, django_assert_num_queries
):
    workspace, other = WorkspaceFactory(time_zone=time_zone), WorkspaceFactory()
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)  # 01:00 on the 24th in Auckland
    services.add(
        {
            make_key(workspace, "message.sent", hour=noon): Total(8),
            make_key(workspace, "message.sent", hour=noon + timedelta(hours=15)): Total(1),
            make_key(workspace, "message.sent", hour=noon - timedelta(days=9)): Total(100),
            make_key(other, "message.sent", hour=noon): Total(1000),
        }
    )

    with clock.frozen(noon + timedelta(hours=16)), django_assert_num_queries(1):
        by_day = numbers_by_day(workspace, days=len(expected))

    assert {day: counted.sent for day, counted in by_day.items()} == expected
