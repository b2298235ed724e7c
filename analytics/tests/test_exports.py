"""Tables and events leave as files, each workspace's own, and no spreadsheet runs them."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from analytics import exports, services
from analytics.models import Total
from analytics.tests.factories import NOON, make_event, make_key
from delivery.services import mirror
from emailseq.lib import clock
from subscribers import events
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db
TIME = "since=2026-11-24T12:00:00Z&until=2026-11-24T13:00:00Z"


def rows_of(answer):
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return [*csv.reader(b"".join(answer.streaming_content).decode().splitlines())]


def test_a_table_is_the_same_as_json_and_as_csv():
    ours, theirs = WorkspaceFactory(), WorkspaceFactory()
    for workspace, source_id in ((ours, 7), (theirs, 8)):
        mirror(workspace=workspace, kind="campaign", source_id=source_id, name="@November")
        key = make_key(workspace, "message.sent", source=("campaign", source_id))
        services.add({key: Total(400 + source_id)})

    with clock.frozen(NOON + timedelta(hours=1)):
        told = Api(ours)("GET", "/reports?table=sources&days=7").json()
        file = rows_of(Api(ours)("GET", "/reports/csv?table=sources&days=7"))

    assert told["table"] == "sources"
    assert "source_id" not in told["columns"]
    assert told["rows"] == [["campaign", "@November", 407, 0, 0, 0, 0, 0, 0, 0, 0]]
    assert file == [told["columns"], ["campaign", "'@November", "407", *"00000000"]]


def test_events_leave_by_the_time_in_which_they_were_recorded(monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    person = SubscriberFactory()
    workspace = person.workspace
    mirror(workspace=workspace, kind="campaign", source_id=7, name="November")
    for minutes in (-1, 0, 1, 2, 59, 60):
        with clock.frozen(NOON + timedelta(minutes=minutes)):
            events.record_many([make_event(workspace, "message.sent", step_key=str(minutes))])
    with clock.frozen(NOON + timedelta(minutes=5)):
        click = make_event(workspace, "message.clicked", verdict="human", properties={"link": 3})
        events.record_many(
            [
                click._replace(subscriber_id=person.pk),
                make_event(WorkspaceFactory(), "message.sent"),
            ]
        )

    head, *rows = rows_of(Api(workspace)("GET", f"/events/export?{TIME}"))

    assert head == [*exports.COLUMNS]
    assert [row[head.index("step")] for row in rows] == ["0", "1", "2", "59", ""]
    clicked = dict(zip(head, rows[-1], strict=True))
    assert clicked["id"].startswith("evt_")
    assert (clicked["subscriber"], clicked["verdict"]) == (person.public_id, "human")
    assert (clicked["source"], clicked["properties"]) == ("November", '{"link": 3}')


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("/reports?table=secrets", "/table"),
        ("/reports?table=days&days=0", "/days"),
        ("/events/export?since=now", "/since"),
        ("/events/export?since=2026-11-24T12:00:00Z&until=2026-11-24T12:00:00Z", "/until"),
        ("/events/export?since=2026-01-24T12:00:00Z&until=2026-11-24T12:00:00Z", "/until"),
    ],
)
def test_what_cannot_be_told_is_refused(query, pointer):
    refused = Api(WorkspaceFactory())("GET", query)

    assert refused.status_code == 400
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


def test_events_name_people_so_reading_numbers_is_not_enough():
    assert (
        Api(WorkspaceFactory(), "reports:read")("GET", f"/events/export?{TIME}").status_code == 403
    )
