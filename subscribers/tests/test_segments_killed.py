"""Refreshes that die, that meet, and what they hold up: on real connections."""

from __future__ import annotations

from contextlib import closing

import pytest
from django.db import connection

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from subscribers import services, tasks
from subscribers.models import Event, Segment
from subscribers.segments import refresh
from subscribers.states import SegmentState
from subscribers.tests.factories import SubscriberFactory, make_people

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def segment():
    workspace = WorkspaceFactory()
    make_people(5, workspace=workspace)
    return services.create_segment(
        workspace,
        name="All",
        slug="all",
        rule={"field": "email", "op": "exists"},
        by=SYSTEM,
        announce=True,
    )


def members_and_events(segment):
    segment.refresh_from_db()
    events = Event.objects.filter(kind="segment.entered").values_list("subscriber", flat=True)
    members = segment.members.values_list("subscriber", flat=True)
    return sorted(members), sorted(events), segment.member_count


def test_a_refresh_that_dies_is_finished_by_the_next_and_tells_everything_once(
    segment, monkeypatch
):
    monkeypatch.setattr(refresh, "FETCH", "FETCH 2 FROM segment_difference")
    fetch, chunks = refresh._fetch, []

    def fetch_and_die(cursor):
        chunks.append(1)
        if len(chunks) == 3:
            raise KeyboardInterrupt
        return fetch(cursor)

    monkeypatch.setattr(refresh, "_fetch", fetch_and_die)
    with pytest.raises(KeyboardInterrupt):
        tasks.refresh_segments()
    members, events, count = members_and_events(segment)
    assert (len(members), members == events, count) == (4, True, 4)
    assert segment.state == SegmentState.BUILDING

    monkeypatch.setattr(refresh, "_fetch", fetch)
    assert tasks.refresh_segments() == 1

    members, events, count = members_and_events(segment)
    assert (len(members), members == events, count) == (5, True, 5)
    assert segment.state == SegmentState.READY


def test_one_worker_refreshes_at_a_time(segment):
    with closing(connection.get_new_connection(connection.get_connection_params())) as other:
        other.autocommit = True
        other.execute("SELECT pg_advisory_lock(hashtextextended('segments', 0))")

        assert tasks.refresh_segments() == 0
        assert members_and_events(segment) == ([], [], 0)
        other.execute("SELECT pg_advisory_unlock(hashtextextended('segments', 0))")

    assert tasks.refresh_segments() == 1


def test_the_difference_holds_up_no_consumer(segment, monkeypatch):
    """A transaction number would: consumers read what lies behind every one that is taken."""
    taken, fetch = [], refresh._fetch

    def fetch_and_look(cursor):
        cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        taken.append(cursor.fetchone()[0])
        return fetch(cursor)

    monkeypatch.setattr(refresh, "_fetch", fetch_and_look)
    tasks.refresh_segments()

    assert taken == [False, False]


def test_whoever_comes_after_the_difference_waits_for_the_next(segment, monkeypatch):
    fetch = refresh._fetch

    def fetch_and_add(cursor):
        SubscriberFactory(workspace=segment.workspace)
        return fetch(cursor)

    monkeypatch.setattr(refresh, "_fetch", fetch_and_add)
    tasks.refresh_segments()
    assert len(members_and_events(segment)[0]) == 5

    monkeypatch.setattr(refresh, "_fetch", fetch)
    Segment.objects.update(refresh_due_at=segment.created_at)
    tasks.refresh_segments()
    assert len(members_and_events(segment)[0]) == 7
