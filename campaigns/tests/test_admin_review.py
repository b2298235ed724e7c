"""Review & send: what the page shows, what its button does, and that it does so once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest

from accounts.models import AuditEntry, Workspace
from accounts.tests.backoffice import act, sign_in
from analytics.tests.factories import in_a_session_of_its_own
from campaigns import engine
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, queued
from campaigns.tests.pages import has_gone, page_of, press, ticks
from emailseq.lib import clock
from subscribers.models import Subscriber
from subscribers.tests.factories import ListFactory, SubscriptionFactory, make_audience

pytestmark = pytest.mark.django_db

THEN = datetime(2026, 11, 1, tzinfo=UTC)


def make_campaign(workspace: Workspace, people: int = 0) -> Campaign:
    campaign = CampaignFactory(list=ListFactory(workspace=workspace, name="Newsletter"))
    make_audience(people, on=campaign.list)
    return campaign


def shown(client, campaign, query: str = "") -> str:
    return client.get(page_of(campaign) + query).content.decode()


def test_it_says_to_whom_and_what_the_button_does_and_does_nothing_yet():
    client = sign_in()
    campaign = make_campaign(client.workspace, 3)
    SubscriptionFactory(list=campaign.list, state="pending")
    Campaign.objects.filter(pk=make_campaign(client.workspace).pk).update(
        recipient_count=1, started_at=clock.now()
    )

    page = shown(client, campaign)

    assert "Send to 3 people now" in page
    assert "to 3 people on “Newsletter”, now." in page
    assert "Not confirmed on the list</th><td>− 1" in page
    assert "Known to “Newsletter”</th><td>4" in page
    assert "Usually it is about 1; the largest so far went to 1." in page
    assert "3.0 times as many as usual" in page
    assert page.count("<iframe") == 2  # whoever has least, and anybody
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"


def test_it_is_sent_once_everything_odd_is_ticked_and_that_is_written_down():
    client = sign_in()
    campaign = make_campaign(client.workspace, 3)
    [unsigned, *_] = found = ticks(client, campaign)

    refused = press(client, campaign, seen=found[1:])
    page = refused.content.decode()

    assert "and tick it." in page
    assert f"seen={found[-1]}" in page or len(found) == 1  # what was ticked stays so
    assert Campaign.objects.get().state == "draft"
    assert has_gone(press(client, campaign), campaign)
    engine.fill()
    assert len(queued(campaign)) == 3
    entry = AuditEntry.objects.get(verb="campaign.warnings_accepted")
    assert entry.actor_label == client.user.email
    assert any("No sending domain signs for" in each for each in entry.changes["warnings"])
    assert unsigned in found


def test_a_campaign_to_nobody_says_so():
    client = sign_in()
    campaign = make_campaign(client.workspace)

    page = press(client, campaign).content.decode()

    assert "Nobody on “Newsletter” can be mailed" in page
    assert Campaign.objects.get().state == "draft"


def test_whoever_presses_second_is_told_who_was_first():
    client = sign_in()
    campaign = make_campaign(client.workspace, 2)
    press(client, campaign)
    other = sign_in(workspace=client.workspace)

    answer = other.post(page_of(campaign), {"when": "now"}, follow=True)

    assert f"It is sent already, once: {client.user.email}" in answer.content.decode()
    assert other.get(page_of(campaign)).status_code == 302
    assert AuditEntry.objects.filter(verb="campaign.started").count() == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_send_it_once():
    clients = [sign_in()]
    clients.append(sign_in(workspace=clients[0].workspace))
    campaign = make_campaign(clients[0].workspace, 2)
    seen = ticks(clients[0], campaign)
    together = Barrier(2)

    @in_a_session_of_its_own
    def pressed(client):
        together.wait(timeout=10)
        fields = {"when": "now", "expected_recipients": 2, "seen": seen}
        return client.post(page_of(campaign), fields, follow=True).content.decode()

    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(pressed, clients))

    assert sum("is on its way." in page for page in pages) == 1
    assert sum("It is sent already, once" in page for page in pages) == 1
    assert AuditEntry.objects.filter(verb="campaign.started").count() == 1


def test_a_schedule_shows_every_zone_its_time_and_is_made_and_changed():
    client = sign_in()
    Workspace.objects.update(time_zone="Europe/Berlin")
    campaign = make_campaign(client.workspace, 4)
    zones = ["Pacific/Auckland", "Pacific/Honolulu", "Europe/Berlin", "nonsense"]
    for pk, zone in zip(Subscriber.objects.values_list("pk", flat=True), zones, strict=True):
        Subscriber.objects.filter(pk=pk).update(time_zone=zone)
    plan = {"when": "local", "day": "2026-11-26", "time": "09:00"}

    with clock.frozen(THEN):
        page = shown(client, campaign, "?when=local&day=2026-11-26&time=09:00")
        unfinished = shown(client, campaign, "?when=local&day=&time=09:00")
        past = press(client, campaign, **{**plan, "day": "2026-10-30"}).content.decode()
        assert has_gone(press(client, campaign, **plan), campaign)
        again = shown(client, campaign)
        assert has_gone(press(client, campaign, **{**plan, "time": "10:00"}), campaign)

    rows = [
        ("Pacific/Auckland", "Thu 26 Nov, 09:00", "Wed 25 Nov, 20:00", 1),
        ("Europe/Berlin", "Thu 26 Nov, 09:00", "Thu 26 Nov, 08:00", 2),
        ("Pacific/Honolulu", "Thu 26 Nov, 09:00", "Thu 26 Nov, 19:00", 1),
    ]
    for zone, local, utc, people in rows:
        assert (
            f'<th scope="row">{zone}</th><td>{local}</td><td>{utc}</td>'
            f'<td class="bo-number">{people}</td>'
        ) in page
    assert "Schedule for Thu 26 Nov 2026, 09:00 in their own time to 4 people" in page
    assert "Schedule for" not in unfinished
    assert "Choose when." in unfinished
    assert "This time is past" in past
    assert 'value="2026-11-26"' in again
    campaign.refresh_from_db()
    assert (campaign.state, campaign.local_time) == ("scheduled", True)
    assert campaign.scheduled_at == datetime(2026, 11, 26, 9, tzinfo=UTC)


def test_it_is_shown_as_whoever_is_sought_gets_it():
    client = sign_in()
    campaign = make_campaign(client.workspace, 2)
    person = Subscriber.objects.order_by("pk").first()

    found = client.get(f"{page_of(campaign)}?as={person.email[:-4]}").context["glances"]
    nobody = shown(client, campaign, "?as=zz")
    author = sign_in(role="Author", workspace=client.workspace)

    assert found[-1].person == person
    assert "Nobody has such an address." in nobody
    made_up = author.get(page_of(campaign)).context
    assert [glance.person.email for glance in made_up["glances"]] == ["ada@example.com"]
    assert made_up["buttons"] == []
    assert act(author, page_of(campaign), when="now").status_code == 403
    assert Campaign.objects.get().state == "draft"
