"""A/B tests of campaigns: who gets which variant, which one wins, and who decides."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from analytics.services import count
from campaigns import checklist, engine, judging, services, tasks, trials, variants
from campaigns.models import Campaign, Trial
from campaigns.tests.factories import CampaignFactory, finish_messages
from campaigns.variants import Other
from delivery.models import Outbox, SendLedger
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from emailseq.lib.errors import Invalid, StateConflict
from emailseq.lib.stats import Amounts
from subscribers import events
from subscribers import services as people
from subscribers.events import NewEvent
from subscribers.facts import CustomEvent
from subscribers.models import Event, Subscriber
from subscribers.tests.factories import make_audience
from templates_app import services as templates
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

WAYS = (
    '<a href="https://a.example/de">a</a> <a href="{{ links.unsubscribe }}">x</a>'
    "{{ workspace.postal_address }}"
)


def make_tested(size: int, *others: Other, **terms) -> Campaign:
    """A campaign to so many people that is tried against these variants, and begun."""
    campaign = CampaignFactory()
    make_audience(size, on=campaign.list)
    told = {"sample_percent": 40, "minimum": 1, "wait_minutes": 60, **terms}
    given = others or (Other(subject="Hello there"),)
    variants.set_trial(campaign, variants=given, by=SYSTEM, expected_revision=1, **told)
    assert services.send(campaign, by=SYSTEM)
    return campaign


def messages(campaign: Campaign) -> dict[int, str]:
    """Who has a message of it, sent or not, and under which variant: nobody has two."""
    rows = [
        row
        for model in (Outbox, SendLedger)
        for row in model.objects.filter(source_id=campaign.pk).values_list("subscriber", "variant")
    ]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def send_sample(campaign: Campaign) -> dict[int, str]:
    tasks.fill()
    sampled = messages(campaign)
    finish_messages(campaign, *["sent"] * len(sampled))
    judging.judge_all()
    tasks.fill()
    assert messages(campaign) == sampled
    return sampled


def click(campaign: Campaign, variant: str) -> None:
    """Everybody who got that variant clicks, if any did; the numbers hear of all that happened."""
    got = SendLedger.objects.filter(source_id=campaign.pk, variant=variant)
    events.record_many(
        NewEvent(
            message.workspace_id,
            message.subscriber_id,
            "message.clicked",
            message.finished_at,
            *("campaign", campaign.pk, "", variant, message.pk),
            verdict="human",
            properties={"first": True},
        )
        for message in got
    )
    count([*Event.objects.filter(source_kind="campaign").order_by("id")])


def later(minutes: int = 61):
    return clock.frozen(clock.now() + timedelta(minutes=minutes))


def test_a_sample_is_tried_and_the_rest_gets_what_is_better_each_once():
    sender = SenderFactory()
    campaign = make_tested(
        200, Other(subject="Hello there"), Other(sender=sender), sample_percent=80
    )
    sampled = send_sample(campaign)
    click(campaign, "b")

    assert (set(sampled.values()), 120 < len(sampled) < 190) == ({"a", "b", "c"}, True)
    assert judging.judge_all() == 0
    assert judging.standing(campaign).state == "waiting"
    with later():
        assert judging.judge_all() == 1
        assert judging.judge_all() == 0
        tasks.fill()
        tasks.fill()

    everybody = messages(campaign)
    rest = {who: what for who, what in everybody.items() if who not in sampled}
    assert (len(everybody), set(rest.values())) == (200, {"b"})
    assert {who: everybody[who] for who in sampled} == sampled
    told = {
        variant: (version.template_version.subject, version.sender_id)
        for variant in "abc"
        for version in [SendLedger.objects.filter(variant=variant).first()]
    }
    assert told == {
        "a": (campaign.template.subject, campaign.sender_id),
        "b": ("Hello there", campaign.sender_id),
        "c": (campaign.template.subject, sender.pk),
    }
    trial = Trial.objects.get()
    assert (trial.winner, trial.decided_by) == ("b", "emailseq")
    assert trial.counts["b"][0] == trial.counts["b"][1] > trial.counts["a"][0] == 0
    event = Event.objects.get(kind="campaign.variant_promoted")
    assert (event.properties["variant"], event.properties["by"]) == ("b", "system")
    assert AuditEntry.objects.filter(verb="campaign.variant_promoted").count() == 1
    finish_messages(campaign, *["sent"] * len(rest))
    tasks.fill()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.recipient_count) == ("sent", 200)


def test_without_a_difference_it_asks_and_a_person_decides_once():
    campaign = make_tested(60)
    sampled = send_sample(campaign)
    click(campaign, "nobody")

    with later():
        assert judging.judge_all() == 0
        assert judging.standing(campaign).state == "no_clear_winner"
        tasks.fill()
        assert messages(campaign) == sampled
        api = Api(campaign.workspace)
        path = f"/campaigns/{campaign.public_id}/trial"
        assert api("POST", f"{path}/choose", {"variant": "x"}).status_code == 400
        chosen = api("POST", f"{path}/choose", {"variant": "b"}).json()
        tasks.fill()
        again = api("POST", f"{path}/choose", {"variant": "a"})

    assert (chosen["state"], chosen["winner"]) == ("decided", "b")
    assert (again.status_code, again.json()["code"]) == (409, "duplicate")
    assert Counter(messages(campaign).values())["b"] > len(sampled)
    assert len(messages(campaign)) == 60


def test_or_it_sends_the_first_one():
    campaign = make_tested(60, otherwise="first", minimum=1000)
    sampled = send_sample(campaign)

    with later():
        assert judging.standing(campaign).state == "not_enough_data"
        assert judging.judge_all() == 1
        tasks.fill()

    rest = {what for who, what in messages(campaign).items() if who not in sampled}
    assert rest == {"a"}


def test_all_in_the_sample_is_a_split_without_a_rest():
    campaign = make_tested(20, sample_percent=100)

    tasks.fill()

    assert Counter(messages(campaign).values()).keys() == {"a", "b"}
    assert len(messages(campaign)) == 20
    assert judging.standing(campaign).state == "split"
    assert judging.judge_all() == 0


def test_what_is_paused_or_cancelled_decides_nothing():
    campaign = make_tested(60, otherwise="first")
    sampled = send_sample(campaign)
    services.pause(campaign, by=SYSTEM)

    with later():
        assert judging.judge_all() == 0
        services.cancel(campaign, by=SYSTEM)
        assert judging.judge_all() == 0
        tasks.fill()
        with pytest.raises(StateConflict):
            judging.choose(campaign, variant="b", by=SYSTEM)

    assert messages(campaign) == sampled


def test_goals_and_money_are_counted_once_the_message_has_left():
    campaign = make_tested(40, metric="revenue", goal="order_placed", amount_property="total")
    sampled = send_sample(campaign)
    (first, *_), second = (
        [who for who, what in sampled.items() if what == "a"],
        next(who for who, what in sampled.items() if what == "b"),
    )

    def tell(who: int, name: str, total: object, **more) -> None:
        uid = people_by_id[who].uid
        fact = CustomEvent(name, uid=uid, properties={"total": total}, **more)
        people.record_event(campaign.workspace, fact, by=SYSTEM)

    people_by_id = {
        row.subscriber_id: row.subscriber for row in SendLedger.objects.select_related("subscriber")
    }
    before = clock.now() - timedelta(days=1)
    tell(first, "order_placed", 5, occurred_at=before)
    tell(first, "order_placed", 20)
    tell(first, "order_placed", 2.5)
    tell(second, "order_placed", "a lot")
    tell(second, "looked", 99)

    counts = judging.tallies(campaign, Trial.objects.get())
    shares = Counter(sampled.values())
    assert counts == {
        "a": Amounts(1, shares["a"], 22.5, 506.25),
        "b": Amounts(1, shares["b"], 0.0, 0.0),
    }


def test_what_is_wrong_is_said_at_once_and_nothing_is_changed():
    campaign = CampaignFactory()
    other = TemplateFactory(workspace=campaign.workspace)
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}/trial"
    wrong = {
        "variants": [
            {"subject": campaign.template.subject},
            {"subject": "{{ oops"},
            {"template": other.public_id},
        ],
        "sample_percent": 0,
        "metric": "revenue",
    }

    assert api("GET", path).status_code == 404
    assert api("PUT", path, wrong).status_code == 428
    refused = api("PUT", path, wrong, match='"r1"').json()

    assert {(fault["pointer"], fault["code"]) for fault in refused["errors"]} >= {
        ("/sample_percent", "out_of_range"),
        ("/goal", "required"),
        ("/amount_property", "required"),
        ("/variants/0", "duplicate"),
    }
    assert any(fault["pointer"] == "/variants/1/subject" for fault in refused["errors"])
    assert not Trial.objects.exists()
    right = {"variants": [{"subject": "Other"}, {"template": other.public_id}]}
    made = api("PUT", path, right, match='"r1"')
    assert made.status_code == 200
    assert made.headers["ETag"] == '"r2"'
    assert made.json() | {"variants": [each["key"] for each in made.json()["variants"]]} == {
        "state": "planned",
        "sample_percent": 20,
        "metric": "click",
        "goal": "",
        "amount_property": "",
        "wait_minutes": 240,
        "minimum": 100,
        "otherwise": "ask",
        "left_at": None,
        "winner": "",
        "decided_at": None,
        "decided_by": "",
        "variants": ["a", "b", "c"],
    }
    assert made.json()["variants"][1] == {
        "key": "b",
        "subject": "Other",
        "template": campaign.template.public_id,
        "sender": campaign.sender.public_id,
        "sent": 0,
        "hits": 0,
        "amount": 0.0,
        "rate": {"value": 0.0, "low": 0.0, "high": 1.0},
    }
    copy = api("POST", f"/campaigns/{campaign.public_id}/duplicate").json()["id"]
    assert len(api("GET", f"/campaigns/{copy}/trial").json()["variants"]) == 3
    assert api("PUT", path, right, match='"r1"').status_code == 412
    assert api("DELETE", path, match='"r2"').status_code == 204
    assert Trial.objects.filter(campaign=campaign).count() == 0


def test_a_sample_has_one_time_for_all():
    campaign = CampaignFactory()
    make_audience(1, on=campaign.list)
    given = [Other(subject="Other")]
    variants.set_trial(campaign, variants=given, by=SYSTEM, expected_revision=1)

    at = clock.now() + timedelta(days=3)
    with pytest.raises(Invalid) as refusal:
        services.schedule(campaign, at=at, local_time=True, by=SYSTEM)

    assert refusal.value.errors[0].code == "has_trial"
    assert Campaign.objects.get().state == "draft"


def test_an_archived_template_of_a_variant_stops_it():
    campaign = CampaignFactory()
    make_audience(1, on=campaign.list)
    other = TemplateFactory(workspace=campaign.workspace)
    given = [Other(template=other)]
    variants.set_trial(campaign, variants=given, by=SYSTEM, expected_revision=1)
    assert other.used_by() == [campaign.name]
    type(other).objects.filter(pk=other.pk).update(archived_at=clock.now())

    with pytest.raises(Invalid) as refusal:
        services.send(campaign, by=SYSTEM)

    assert [each.pointer for each in refusal.value.errors] == ["/variants/0/template"]


def play(rates: dict[str, float], *, seed: int, size: int = 20_000) -> str:
    """A test of a campaign to so many made-up people who click at these rates; the winner."""
    chance, tallies = random.Random(seed), {key: [0, 0] for key in rates}
    for person in range(size):
        if trials.is_sampled(seed, person, percent=20):
            variant = trials.variant_of(seed, person, [*rates])
            tallies[variant][0] += chance.random() < rates[variant]
            tallies[variant][1] += 1
    counts = {key: Amounts(hits, sent, 0.0, 0.0) for key, (hits, sent) in tallies.items()}
    return trials.judge("click", counts, minimum=100)


@pytest.mark.slow
def test_of_a_hundred_tests_the_right_variant_wins_when_the_lift_is_large_and_else_none():
    large = Counter(play({"a": 0.05, "b": 0.10}, seed=seed) for seed in range(100))
    none = Counter(play({"a": 0.05, "b": 0.05}, seed=seed) for seed in range(100))

    assert (large["b"] >= 95, large["a"]) == (True, 0)
    assert none[""] >= 95


def test_who_holds_the_campaign_when_the_sample_ends_does_not_begin_it_again():
    campaign = make_tested(20)
    engine.fill(100)
    sampled = messages(campaign)
    finish_messages(campaign, *["sent"] * len(sampled))

    assert engine.fill(100) == 0

    assert messages(campaign) == sampled


def test_a_variant_with_another_subject_speaks_the_same_languages():
    campaign = CampaignFactory()
    make_audience(2, on=campaign.list)
    german = {"subject": "Winter", "html": WAYS, "text": ""}
    templates.put_translation(campaign.template, language="de", by=SYSTEM, **german)

    variants.set_trial(campaign, variants=[Other(subject="Cold")], by=SYSTEM, expected_revision=1)
    services.send(campaign, by=SYSTEM)

    own, other = campaign.template_version, campaign.variants.get().template_version
    assert (other.subject, other.translations) == ("Cold", own.translations)
    assert other.translations["de"]["subject"] == "Winter"
    assert other.links == own.links == ["https://example.com/start", "https://a.example/de"]


def test_who_waits_for_the_winner_is_told_so():
    campaign = make_tested(30, sample_percent=40)
    sampled = send_sample(campaign)
    tried = Subscriber.objects.filter(pk__in=sampled).first()
    waiting = Subscriber.objects.exclude(pk__in=sampled).first()

    def told(person: Subscriber) -> dict:
        path = f"/subscribers/{person.public_id}/campaigns/{campaign.public_id}/explain"
        return Api(campaign.workspace)("GET", path).json()["gates"][-1]

    variant = sampled[tried.pk].upper()
    assert told(tried) == {
        "gate": "A/B test",
        "passed": True,
        "because": f"in the sample: gets variant {variant}",
    }
    assert told(waiting)["passed"] is False
    assert told(waiting)["because"].startswith("waits for the variant that wins. The sample has it")
    judging.choose(campaign, variant="b", by=SYSTEM)
    assert told(waiting)["because"] == "gets the winner, variant B"
    assert told(tried)["because"] == f"in the sample: gets variant {variant}"


def test_a_sample_that_cannot_tell_is_a_warning():
    campaign = CampaignFactory()
    make_audience(30, on=campaign.list)

    def warned(**terms: int) -> list[str]:
        campaign.refresh_from_db()
        others, revision = [Other(subject="Cold")], campaign.revision
        variants.set_trial(
            campaign, variants=others, by=SYSTEM, expected_revision=revision, **terms
        )
        found = checklist.warnings(campaign)
        return [one.detail for one in found if one.code == "sample_too_small"]

    assert warned(sample_percent=40, minimum=6) == []
    assert warned(sample_percent=40, minimum=7) == [
        "40 % of 30 people are about 6 for each of 2 variants: none can win before 7 of each were"
        " sent. Try them on more."
    ]
