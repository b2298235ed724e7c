"""Campaigns that come again: when, each as a campaign of its own, and what if one cannot."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import recurring, tasks
from campaigns.models import Campaign, Recurrence
from campaigns.rhythm import Rhythm, next_after
from campaigns.tests.factories import CampaignFactory, queued
from campaigns.tests.pages import press
from emailseq.lib import clock
from emailseq.lib.errors import StateConflict
from subscribers.tests.factories import ListFactory, make_audience

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)  # a Friday
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("rhythm", "expected"),
    [
        (Rhythm("day", 1, time(13)), [(20, 3, 13), (21, 3, 13), (22, 3, 13)]),
        (Rhythm("day", 1, time(12)), [(21, 3, 12), (22, 3, 12), (23, 3, 12)]),
        (Rhythm("week", 7, time(2, 30)), [(22, 3, 2.5), (29, 3, 3), (5, 4, 2.5)]),
        (Rhythm("month", 31, time(9)), [(31, 3, 9), (30, 4, 9), (31, 5, 9)]),
    ],
)
def test_it_comes_at_its_time_on_the_clock_of_the_workspace_whatever_the_season(rhythm, expected):
    found, moment = [], datetime(2026, 3, 20, 12, tzinfo=BERLIN)
    for _ in expected:
        moment = next_after(rhythm, moment, BERLIN)
        shown = moment.astimezone(BERLIN)
        found.append((shown.day, shown.month, shown.hour + shown.minute / 60))

    assert found == expected


@pytest.fixture
def draft(db):
    campaign = CampaignFactory()
    make_audience(2, on=campaign.list)
    with clock.frozen(NOW):
        recurring.repeat(campaign, every="week", on=1, at=time(9), by=SYSTEM)
    return campaign


MONDAY = datetime(2026, 3, 23, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


def made_at(moment: datetime, draft: Campaign) -> list[Campaign]:
    with clock.frozen(moment):
        tasks.fill()
        tasks.fill()
    return list(Campaign.objects.filter(occurrence_of=draft).order_by("id"))


def test_each_time_is_a_campaign_of_its_own_with_the_audience_of_then(draft):
    assert made_at(MONDAY - timedelta(seconds=1), draft) == []
    (first,) = made_at(MONDAY, draft)
    make_audience(1, on=draft.list)
    first, second = made_at(MONDAY + WEEK, draft)

    assert [(each.name, each.state) for each in (first, second)] == [
        ("November news (23 Mar 2026)", "sending"),
        ("November news (30 Mar 2026)", "sending"),
    ]
    assert [len(queued(each)) for each in (first, second)] == [2, 3]
    draft.refresh_from_db()
    assert draft.state == "draft"
    assert draft.recurrence.next_at == MONDAY + 2 * WEEK
    recurring.stop_repeating(draft, by=SYSTEM)
    assert len(made_at(MONDAY + 2 * WEEK, draft)) == 2


def test_after_an_outage_one_draft_waits_for_somebody_and_nothing_is_sent(draft):
    (late,) = made_at(MONDAY + 2 * WEEK + timedelta(hours=2), draft)

    assert (late.state, late.refusal, queued(late)) == ("draft", recurring.MISSED, [])
    assert Recurrence.objects.get().next_at == MONDAY + 3 * WEEK


def test_what_cannot_be_sent_says_why_and_comes_again(draft):
    draft.list.subscriptions.all().delete()
    (refused,) = made_at(MONDAY, draft)
    make_audience(1, on=draft.list)

    _, sent = made_at(MONDAY + WEEK, draft)

    assert (refused.state, "can be mailed" in refused.refusal) == ("draft", True)
    assert sent.state == "sending"


def test_people_and_programs_set_it_up(db):
    client = sign_in()
    draft = CampaignFactory(list=ListFactory(workspace=client.workspace))
    api, path = Api(client.workspace), f"/campaigns/{draft.public_id}"

    with clock.frozen(NOW):
        wrong = api("POST", f"{path}/repeat", {"every": "week", "on": 8, "at": "09:00"})
        made = api("POST", f"{path}/repeat", {"every": "month", "on": 31, "at": "09:00"}).json()

    assert wrong.json()["errors"][0]["pointer"] == "/on"
    assert made["recurrence"] == {
        "every": "month",
        "on": 31,
        "at": "09:00:00",
        "next_at": "2026-03-31T09:00:00Z",
    }
    assert api("POST", f"{path}/stop-repeating").json()["recurrence"] is None

    def url(verb: str) -> str:
        return reverse(f"admin:campaigns_campaign_{verb}", args=[draft.pk])

    assert is_done(act(client, url("repeat"), every="day", on=4, at="09:00"))
    assert "Every day" in client.get(url("change")).content.decode()
    assert is_done(act(client, url("stop_repeating")))
    make_audience(1, on=draft.list)
    press(client, draft)
    draft.refresh_from_db()
    with pytest.raises(StateConflict):
        recurring.repeat(draft, every="day", at=time(9), by=SYSTEM)
