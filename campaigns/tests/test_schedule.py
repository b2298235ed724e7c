from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from analytics.models import Habits
from campaigns import engine, services, tasks, timing
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, queued
from delivery.models import Outbox
from emailseq.lib import clock
from emailseq.lib.errors import InUse
from subscribers import services as people
from subscribers.models import Event, Subscriber
from subscribers.tests.factories import make_audience
from templates_app import services as templates

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SATURDAY = datetime(2026, 3, 28, 9, tzinfo=UTC)  # the clocks of Europe change in the next night


@pytest.fixture(autouse=True)
def _now():
    with clock.frozen(NOW):
        yield


@pytest.fixture
def campaign():
    campaign = CampaignFactory()
    make_audience(3, on=campaign.list)
    return campaign


def state_at(moment: datetime, campaign: Campaign) -> str:
    with clock.frozen(moment):
        tasks.fill()
    campaign.refresh_from_db()
    return campaign.state


def test_it_starts_at_its_time_by_itself_with_the_content_of_when_it_was_scheduled(campaign):
    services.schedule(campaign, at=SATURDAY, by=SYSTEM)
    version = campaign.template_version_id
    templates.save_draft(campaign.template, by=SYSTEM, expected_revision=None, subject="Later")

    assert state_at(SATURDAY - timedelta(seconds=1), campaign) == "scheduled"
    assert Outbox.objects.count() == 0
    assert state_at(SATURDAY, campaign) == "sending"

    assert len(queued(campaign)) == 3
    assert campaign.started_at == SATURDAY
    assert set(Outbox.objects.values_list("template_version_id", "run_at")) == {(version, SATURDAY)}


def test_what_is_long_overdue_asks_before_it_sends(campaign):
    services.schedule(campaign, at=SATURDAY, by=SYSTEM)

    assert state_at(SATURDAY + timedelta(hours=2), campaign) == "scheduled"
    with clock.frozen(SATURDAY + timedelta(hours=2)):
        shown = Api(campaign.workspace)("GET", f"/campaigns/{campaign.public_id}").json()
        assert shown["is_overdue"] is True
        assert Outbox.objects.count() == 0
        assert services.send(campaign, by=SYSTEM)
        engine.fill()

    assert len(queued(campaign)) == 3
    assert (campaign.scheduled_at, campaign.is_overdue) == (None, False)


def test_what_is_a_little_late_starts(campaign):
    services.schedule(campaign, at=SATURDAY, by=SYSTEM)

    assert state_at(SATURDAY + timedelta(minutes=119), campaign) == "sending"


def test_what_cannot_start_is_a_draft_that_says_why(campaign):
    services.schedule(campaign, at=SATURDAY, by=SYSTEM)
    for person in Subscriber.objects.all():
        people.unsubscribe(person, from_list=campaign.list, by=SYSTEM)

    assert state_at(SATURDAY, campaign) == "draft"

    assert campaign.refusal.startswith("Nobody on")
    event = Event.objects.get(kind="campaign.unscheduled", source_id=campaign.pk)
    assert event.properties["reason"] == campaign.refusal
    assert (campaign.template_version, campaign.scheduled_at) == (None, None)


@pytest.mark.parametrize("day", [28, 29])
def test_everybody_gets_it_at_nine_on_their_own_clock_once(campaign, day):
    zones = [
        *("Pacific/Kiritimati", "Pacific/Auckland", "Pacific/Guadalcanal", "Australia/Sydney"),
        *("Australia/Adelaide", "Asia/Tokyo", "Asia/Shanghai", "Asia/Bangkok", "Asia/Dhaka"),
        *("Asia/Kathmandu", "Asia/Karachi", "Asia/Dubai", "Europe/Moscow", "Africa/Cairo"),
        *("Europe/Berlin", "Europe/London", "Atlantic/Azores", "America/Nuuk"),
        *("America/Sao_Paulo", "America/Halifax", "America/New_York", "America/Denver"),
        *("America/Los_Angeles", "Pacific/Pago_Pago"),
    ]
    assert len(zones) == 24
    made = make_audience(len(zones), on=campaign.list)
    for person, zone in zip(made, zones, strict=True):
        Subscriber.objects.filter(pk=person.pk).update(time_zone=zone)
    Subscriber.objects.exclude(pk__in=[one.pk for one in made]).update(time_zone="No/Where")
    nine = datetime(2026, 3, day, 9, tzinfo=UTC)
    services.schedule(campaign, at=nine, local_time=True, by=SYSTEM)

    assert campaign.starts_at == nine - timedelta(hours=14)
    assert state_at(campaign.starts_at, campaign) == "sending"
    tasks.fill()

    leaves = dict(Outbox.objects.values_list("subscriber_id", "run_at"))
    assert len(leaves) == len(zones) + 3 == Outbox.objects.count()
    for person, zone in zip(made, zones, strict=True):
        shown = leaves.pop(person.pk).astimezone(ZoneInfo(zone))
        assert shown.replace(tzinfo=None) == nine.replace(tzinfo=None)
    assert set(leaves.values()) == {nine}  # on the workspace's clock, for want of their own


def test_it_is_spread_evenly():
    zone, spread = ZoneInfo("UTC"), timedelta(hours=2)

    def place(person: int) -> int:
        at = timing.leaves_at(SATURDAY, zone=zone, theirs=None, spread=spread, person=person)
        return (at - SATURDAY) // timedelta(minutes=30)

    places = [place(person) for person in range(7_000_001, 7_004_001)]

    assert set(places) == {0, 1, 2, 3}
    assert all(995 <= places.count(number) <= 1005 for number in range(4))


def test_a_spread_campaign_lies_within_its_time(campaign):
    services.schedule(campaign, at=SATURDAY, spread_minutes=60, by=SYSTEM)
    state_at(SATURDAY, campaign)

    times = set(Outbox.objects.values_list("run_at", flat=True))
    assert len(times) == 3
    assert all(SATURDAY <= at < SATURDAY + timedelta(hours=1) for at in times)


def test_the_api_schedules_and_takes_back(campaign):
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}"
    body = {"at": "2026-03-28T09:00:00Z", "spread_minutes": 60}

    past = api("POST", f"{path}/schedule", {"at": "2026-03-20T11:59:00Z"})
    east = api("POST", f"{path}/schedule", {"at": "2026-03-21T01:00:00Z", "local_time": True})
    made = api("POST", f"{path}/schedule", body).json()
    again = api("POST", f"{path}/schedule", body)
    edited = api("PATCH", path, {"name": "x"}, match="*")

    for refused in (past, east):
        [fault] = refused.json()["errors"]
        assert (fault["pointer"], fault["code"]) == ("/at", "past")
    assert (made["state"], made["scheduled_at"]) == ("scheduled", "2026-03-28T09:00:00Z")
    assert again.status_code == 200
    assert Event.objects.filter(kind="campaign.scheduled").count() == 1
    assert (edited.status_code, edited.json()["state"]) == (409, "scheduled")
    with pytest.raises(InUse):
        templates.archive(campaign.template, by=SYSTEM)
    back = api("POST", f"{path}/unschedule").json()
    assert (back["state"], back["scheduled_at"], back["spread_minutes"]) == ("draft", None, 0)
    assert state_at(SATURDAY, campaign) == "draft"


def test_each_gets_it_at_the_hour_at_which_they_read(campaign):
    morning, evening, unknown = Subscriber.objects.order_by("pk")
    for person, hour in ((morning, 6), (evening, 20)):
        hours = [20 if each == hour else 0 for each in range(24)]
        Habits.objects.create(
            subscriber=person,
            workspace=campaign.workspace,
            days=20,
            first_at=SATURDAY - timedelta(days=60),
            last_at=SATURDAY - timedelta(days=1),
            hours=hours,
        )
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}/schedule"

    refused = api("POST", path, {"at": SATURDAY.isoformat(), "best_time": True, "local_time": True})
    made = api("POST", path, {"at": SATURDAY.isoformat(), "best_time": True}).json()
    state_at(SATURDAY, campaign)

    assert refused.json()["errors"][0]["pointer"] == "/best_time"
    assert made["best_time"] is True
    leaves = dict(Outbox.objects.values_list("subscriber_id", "run_at"))
    assert leaves.pop(unknown.pk) == SATURDAY
    assert {pk: at.hour for pk, at in leaves.items()} == {morning.pk: 6, evening.pk: 20}
    assert all(SATURDAY <= at < SATURDAY + timedelta(days=1) for at in leaves.values())


def test_the_best_hour_is_within_a_day():
    for minute in (0, 59):
        at = SATURDAY.replace(minute=minute)
        times = [timing.at_hour(at, hour=hour, person=hour + 7) for hour in range(24)]
        assert [time.hour for time in times] == [*range(24)]
        assert all(at <= time < at + timedelta(days=1) for time in times)
