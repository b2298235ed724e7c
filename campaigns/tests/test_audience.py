from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import audience, engine, services
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, finish_messages, make_sending, queued
from emailseq.lib import clock
from emailseq.lib.errors import InUse, Invalid
from subscribers import services as people
from subscribers.models import Segment, SegmentMember
from subscribers.tests.factories import ListFactory, SubscriptionFactory, make_audience

pytestmark = pytest.mark.django_db


def make_segment(workspace, slug: str, *members) -> Segment:
    segment = Segment.objects.create(
        workspace=workspace, name=slug.title(), slug=slug, rule={"all": []}, state="ready"
    )
    enter(segment, *members)
    return segment


def enter(segment: Segment, *members) -> None:
    now = clock.now()
    for member in members:
        SegmentMember.objects.create(segment=segment, subscriber=member, entered_at=now)


@pytest.fixture
def campaign():
    return CampaignFactory(list__name="News")


def test_everybody_on_the_list_is_counted_once_and_only_the_recipients_are_filled(campaign):
    workspace = campaign.workspace
    ada, bob, cid, dan, eve, fay = make_audience(6, on=campaign.list)
    SubscriptionFactory(list=campaign.list, state="pending")
    SubscriptionFactory(list=campaign.list, subscriber__archived_at=clock.now())
    people.suppress(workspace, email=fay.email, reason="manual", by=SYSTEM)
    staff = ListFactory(workspace=workspace, name="Staff")
    SubscriptionFactory(list=staff, subscriber=bob)
    SubscriptionFactory(list=staff, subscriber=ada, state="unsubscribed")
    earlier = CampaignFactory(list=campaign.list, name="Earlier")
    campaign.segments.set(
        [
            make_segment(workspace, "fans", ada, bob, cid),
            make_segment(workspace, "buyers", ada, dan),
        ]
    )
    campaign.excluded_lists.set([staff])
    campaign.excluded_segments.set([make_segment(workspace, "cold", cid, bob)])
    campaign.excluded_campaigns.set([earlier])
    assert audience.gate(campaign, eve).because == "In none of the segments"

    counted = audience.count(campaign)
    services.send(campaign, by=SYSTEM)
    engine.fill()

    assert counted.recipients == 2
    assert {name: number for name, number in counted.left_out.items() if number} == {
        "not_confirmed": 1,
        "archived": 1,
        "suppressed": 1,
        "not_in_segments": 1,
        "on_excluded_list": 1,
        "in_excluded_segment": 1,
    }
    assert queued(campaign) == [ada.pk, dan.pk]


def test_recipients_of_an_earlier_campaign_are_left_out_and_those_it_failed_are_not():
    earlier = make_sending(4)
    engine.fill()
    got_it, failed, skipped, waiting = queued(earlier)
    finish_messages(earlier, "sent", "failed", "skipped")
    later = CampaignFactory(list=earlier.list, template=earlier.template, sender=earlier.sender)
    later.excluded_campaigns.set([earlier])

    assert audience.count(later).left_out["had_excluded_campaign"] == 2
    services.send(later, by=SYSTEM)
    engine.fill()

    assert queued(later) == [failed, skipped]
    assert not {got_it, waiting} & set(queued(later))


def test_nobody_is_added_after_the_start_and_who_leaves_drops_out(campaign):
    ada, bob, cid = make_audience(3, on=campaign.list)
    segment = make_segment(campaign.workspace, "fans", ada, bob)
    campaign.segments.set([segment])
    services.send(campaign, by=SYSTEM)

    with clock.frozen(clock.now() + timedelta(minutes=1)):
        enter(segment, cid)
    make_audience(1, on=campaign.list)
    SegmentMember.objects.filter(segment=segment, subscriber=bob).delete()
    engine.fill()

    assert queued(campaign) == [ada.pk]


def test_a_segment_that_is_not_ready_or_leaves_nobody_stops_the_start(campaign):
    [ada] = make_audience(1, on=campaign.list)
    segment = make_segment(campaign.workspace, "fans", ada)
    campaign.excluded_segments.set([segment])

    def refusal() -> list[tuple[str, str]]:
        with pytest.raises(Invalid) as refused:
            services.send(Campaign.objects.get(), by=SYSTEM)
        return [(problem.pointer, problem.code) for problem in refused.value.errors]

    assert refusal() == [("/list", "empty")]
    make_audience(1, on=campaign.list)
    Segment.objects.update(state="building")
    assert refusal() == [("/excluded_segments", "building")]
    Segment.objects.update(state="ready", archived_at=clock.now())
    assert refusal() == [("/excluded_segments", "archived")]
    assert Campaign.objects.get().state == "draft"


def test_a_segment_that_a_campaign_to_come_needs_is_not_archived(campaign):
    segment = make_segment(campaign.workspace, "fans")
    campaign.segments.set([segment])

    with pytest.raises(InUse, match=campaign.name):
        people.archive_segment(segment, by=SYSTEM)


def test_the_api_narrows_counts_and_explains(campaign):
    ada, bob = make_audience(2, on=campaign.list)
    segment = make_segment(campaign.workspace, "fans", ada)
    foreign = make_segment(ListFactory().workspace, "fans")
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}"

    refused = api("PATCH", path, {"segments": [foreign.public_id]}, match='"r1"')
    changed = api("PATCH", path, {"segments": [segment.public_id]}, match='"r1"')
    counted = api("GET", f"{path}/audience").json()
    told = api("GET", f"/subscribers/{bob.public_id}{path}/explain").json()

    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/segments/0", "not_found")
    ]
    assert changed.json()["segments"] == [segment.public_id]
    assert (counted["recipients"], counted["left_out"]["not_in_segments"]) == (1, 1)
    assert told["gates"][-1] == {
        "gate": "audience",
        "passed": False,
        "because": "In none of the segments",
    }
    assert api("PATCH", path, {"segments": []}, match='"r2"').json()["segments"] == []


def test_the_back_office_narrows_and_shows_what_is_left():
    client = sign_in()
    campaign = CampaignFactory(list=ListFactory(workspace=client.workspace))
    ada, _bob = make_audience(2, on=campaign.list)
    segment = make_segment(client.workspace, "fans", ada)
    url = reverse("admin:campaigns_campaign_update", args=[campaign.pk])
    same = {part: getattr(campaign, f"{part}_id") for part in ("list", "template", "sender")}

    fields = {**same, "name": "News", "revision": 1, "segments": [segment.pk]}
    assert is_done(act(client, url, **fields))
    page = client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    form = client.get(url).content.decode()

    assert "1 recipient<" in page.content.decode()
    assert "In none of the segments</dt><dd>1" in page.content.decode()
    assert f'value="{segment.pk}"' in form
    assert form.count(" checked") == 1
