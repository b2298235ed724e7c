"""What people did, added up to when they read, who has stopped, and how many still do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from analytics import insights
from analytics.models import Habits
from analytics.tests.factories import NOON, catch_up
from delivery.models import SendLedger
from emailseq.lib import clock
from subscribers import events
from subscribers import services as people
from subscribers.events import NewEvent
from subscribers.models import Subscriber
from subscribers.tests.factories import SubscriberFactory, make_people

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
DAY = timedelta(days=1)


def seen(person, at, *, verdict="human"):
    place = (person.workspace_id, person.pk, "message.opened", at, "campaign", 7)
    return NewEvent(*place, verdict=verdict)


def test_days_and_hours_add_up_over_batches():
    person = SubscriberFactory()
    days = [NOON - 3 * DAY, NOON - 3 * DAY + timedelta(hours=1), NOON - 2 * DAY]
    events.record_many([seen(person, at) for at in days])
    events.record_many([seen(person, NOON, verdict="machine")])
    catch_up("habits")
    events.record_many([seen(person, at) for at in (NOON - 2 * DAY, NOON - DAY, NOON)])
    catch_up("habits")

    known = Habits.objects.get()

    assert (known.subscriber_id, known.workspace_id) == (person.pk, person.workspace_id)
    assert (known.days, known.first_at, known.last_at) == (4, NOON - 3 * DAY, NOON)
    assert (known.hours[12], known.hours[13], sum(known.hours)) == (5, 1, 6)


def test_whoever_is_erased_is_forgotten_here_too():
    person, friend = make_people(2, workspace=WorkspaceFactory())
    events.record_many([seen(each, NOON) for each in (person, friend)])
    people.erase(person, by=SYSTEM)
    catch_up("habits")

    assert [*Habits.objects.values_list("pk", flat=True)] == [friend.pk]


def test_whoever_is_not_known_reads_when_others_of_their_zone_do():
    reader, stranger, abroad = everybody = make_people(3, workspace=WorkspaceFactory())
    workspace = reader.workspace
    Subscriber.objects.filter(pk__in=[reader.pk, stranger.pk]).update(time_zone="Europe/Berlin")
    Subscriber.objects.filter(pk=abroad.pk).update(time_zone="Asia/Tokyo")
    events.record_many([seen(reader, NOON - number * DAY) for number in range(100)])
    catch_up("habits")
    catch_up("shares")

    found = insights.best_hours(workspace, [person.pk for person in everybody])

    assert {pk: (best.hour, best.own) for pk, best in found.items()} == {
        reader.pk: (12, 100),
        stranger.pk: (12, 0),
    }
    assert found[reader.pk].share.low > found[stranger.pk].share.low
    assert [(zone, best.hour) for zone, best in insights.habits(workspace)] == [
        ("Europe/Berlin", 12)
    ]


def test_who_came_often_and_is_silent_though_written_to_goes_cold():
    cold, unwritten, steady = make_people(3, workspace=WorkspaceFactory())
    workspace = cold.workspace
    weekly = [NOON - 27 * DAY - week * 7 * DAY for week in range(10)]
    events.record_many([seen(person, at) for person in (cold, unwritten) for at in weekly])
    events.record_many([seen(steady, at + 26 * DAY) for at in weekly])
    catch_up("habits")
    for number in range(3):
        for person in (cold, steady):
            SendLedger.objects.create(
                id=person.pk * 10 + number,
                workspace=workspace,
                kind="campaign",
                source_id=7,
                subscriber=person,
                template_version_id=1,
                sender_id=1,
                queued_at=NOON,
                finished_at=NOON - (number + 1) * DAY,
                outcome="sent",
            )

    with clock.frozen(NOON):
        [found] = insights.going_cold(workspace)
        counted = insights.engagement(workspace)
        told = Api(workspace)("GET", "/reports/going-cold").json()

    assert (found.uid, found.days, found.silent_days) == (cold.uid, 10, 27)
    assert found.chance == pytest.approx((70 / 97) ** 11)
    assert counted == {"active": 3, "fading": 0, "cold": 0, "never": 0}
    assert [row[:4] for row in told["rows"]] == [[cold.public_id, "2026-10-28", 10, 27]]
    with clock.frozen(NOON + 60 * DAY):
        assert insights.engagement(workspace) == {"active": 0, "fading": 3, "cold": 0, "never": 0}
    assert Api(workspace, "reports:read")("GET", "/reports/going-cold").status_code == 403
