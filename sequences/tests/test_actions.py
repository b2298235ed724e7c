"""What runs do besides sending, done by the engine for all who come there at once."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from delivery.models import WebhookCall
from delivery.services import webhooks
from sequences import engine
from sequences.models import Enrollment, SequenceVersion
from sequences.services import lifecycle
from sequences.services.enroll import enroll
from sequences.tests.factories import make_runs
from sequences.tests.living import (
    A_DAY,
    BYE,
    HELLO,
    TIPS,
    act,
    make_playing,
    only_run,
    queued,
    told,
)
from subscribers.models import Event, Subscription, Tag, TagAssignment
from subscribers.states import OptIn
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db


def tagged(tag="vip"):
    return [*TagAssignment.objects.filter(tag__slug=tag).values_list("subscriber", flat=True)]


def test_tags_are_added_and_taken_away_for_everybody_at_once():
    live = make_playing(act("add", kind="add_tag", tag="vip"), HELLO, A_DAY, BYE)
    runs = make_runs(live, 3)

    assert engine.advance() == 3

    people = [run.subscriber_id for run in runs]
    assert sorted(tagged()) == people
    events = Event.objects.filter(kind="tag.added").order_by("subscriber")
    assert [*events.values_list("subscriber", flat=True)] == people
    assert events[0].properties["by"] == "sequence"
    assert queued() == ["hello"] * 3

    again = make_playing(act("take", kind="remove_tag", tag="vip"), HELLO, workspace=live.workspace)
    enroll(again, people[:1], by=SYSTEM)
    make_audience(1, on=again.list)
    Subscription.objects.create(list=again.list, subscriber_id=people[0], state="confirmed")
    engine.advance()
    assert sorted(tagged()) == people[1:]


def test_what_is_done_twice_in_one_pass_is_done_in_order():
    live = make_playing(
        act("one", kind="add_tag", tag="vip"),
        act("two", kind="remove_tag", tag="vip"),
        act("three", kind="add_tag", tag="vip"),
        act("four", kind="remove_tag", tag="vip"),
        HELLO,
    )
    (run,) = make_runs(live)

    engine.advance()

    kinds = Event.objects.filter(kind__startswith="tag.").order_by("id")
    assert [*kinds.values_list("kind", flat=True)] == ["tag.added", "tag.removed"] * 2
    assert tagged() == []
    assert queued(run.subscriber) == ["hello"]


def test_a_branch_sees_what_an_action_before_it_has_done():
    vip = {"key": "vip", "when": {"rule": {"tag": "vip", "op": "has"}}, "steps": [TIPS]}
    other = {"key": "else", "steps": [BYE]}
    live = make_playing(
        {"kind": "branch", "key": "before", "arms": [vip, other]},
        act(kind="add_tag", tag="vip"),
        {"kind": "branch", "key": "after", "arms": [
            {**vip, "steps": [{**TIPS, "key": "tips-2"}]}, {"key": "else", "steps": []}]},
    )  # fmt: skip
    (run,) = make_runs(live)

    engine.advance()

    assert queued() == ["bye", "tips-2"]
    assert told(run.subscriber, "enrollment.step") == [
        ("enrollment.step", "before", "else"),
        ("enrollment.step", "bye", ""),
        ("enrollment.step", "act", ""),
        ("enrollment.step", "after", "vip"),
        ("enrollment.step", "tips-2", ""),
    ]


def test_a_rule_is_asked_once_for_all_however_many_runs_ask():
    arms = [
        {"key": "vip", "when": {"rule": {"tag": "vip", "op": "has"}}, "steps": [TIPS]},
        {"key": "else", "steps": [BYE]},
    ]
    live = make_playing({"kind": "branch", "key": "which", "arms": arms})
    make_runs(live)
    engine.advance()
    make_runs(live)
    with CaptureQueriesContext(connection) as few:
        engine.advance_batch(1000)
    runs = make_runs(live, 40)
    vips = [run.subscriber_id for run in runs[:15]]
    tag = Tag.objects.get(slug="vip")
    TagAssignment.objects.bulk_create(TagAssignment(tag=tag, subscriber_id=pk) for pk in vips)
    with CaptureQueriesContext(connection) as many:
        engine.advance_batch(1000)
    assert len(many) == len(few)
    assert queued().count("tips") == 15


def test_a_list_is_joined_with_evidence_and_left_and_who_left_stays_left():
    live = make_playing(HELLO)
    single = ListFactory(workspace=live.workspace, slug="single", opt_in=OptIn.SINGLE)
    double = ListFactory(workspace=live.workspace, slug="double", opt_in=OptIn.DOUBLE)
    joins = make_playing(
        act("one", kind="add_list", list="single"),
        act("two", kind="add_list", list="double"),
        HELLO,
        workspace=live.workspace,
        name="Joiner",
    )
    first, second = make_runs(joins, 2)
    Subscription.objects.create(list=single, subscriber=second.subscriber, state="unsubscribed")

    engine.advance()

    place = Subscription.objects.get(list=single, subscriber=first.subscriber)
    assert (place.state, place.consent_source) == ("confirmed", "sequence Joiner")
    assert place.confirmed_at is not None
    places = Subscription.objects.filter(list=double).values_list("state", flat=True)
    assert [*places] == ["pending", "pending"]
    assert Subscription.objects.get(list=single, subscriber=second.subscriber).state == (
        "unsubscribed"
    )
    assert Event.objects.filter(kind="subscription.pending").count() == 2
    assert Event.objects.filter(kind="subscription.confirmed").count() == 1

    leaves = make_playing(
        act(kind="remove_list", list="single"), HELLO, workspace=live.workspace, list=joins.list
    )
    enroll(leaves, [first.subscriber_id], by=SYSTEM)
    engine.advance()
    place.refresh_from_db()
    assert place.state == "unsubscribed"
    left = Event.objects.get(kind="subscription.unsubscribed")
    assert left.properties["list_id"] == single.pk


def test_a_field_gets_its_value_once_and_the_log_says_what_it_was():
    live = make_playing(
        act("set", kind="set_field", field="plan", value="pro"), HELLO, fields=(("plan", "text"),)
    )
    free, pro = make_runs(live, 2)
    for run, plan in ((free, "free"), (pro, "pro")):
        run.subscriber.fields = {"plan": plan, "other": 1}
        run.subscriber.save()

    engine.advance()

    free.subscriber.refresh_from_db()
    assert free.subscriber.fields == {"plan": "pro", "other": 1}
    updated = Event.objects.get(kind="subscriber.updated")
    assert updated.subscriber == free.subscriber
    assert updated.properties["changed"] == {"plan": ["free", "pro"]}

    clears = make_playing(
        act(kind="set_field", field="plan", value=None),
        HELLO,
        workspace=live.workspace,
        list=live.list,
    )
    enroll(clears, [free.subscriber_id], by=SYSTEM)
    engine.advance()
    free.subscriber.refresh_from_db()
    assert free.subscriber.fields == {"other": 1}


def test_one_sequence_leads_into_another_but_not_for_ever():
    target = make_playing(HELLO, re_entry="always")
    leads = make_playing(
        act("go", kind="enroll", sequence=target.public_id),
        HELLO,
        workspace=target.workspace,
        list=target.list,
    )
    fresh, tired = make_runs(leads, 2)
    Enrollment.objects.filter(pk=tired.pk).update(hops=10)

    engine.advance()

    run = only_run(target)
    assert (run.subscriber, run.hops, run.state) == (fresh.subscriber, 1, "active")
    assert told(tired.subscriber, "enrollment.step") == [
        ("enrollment.step", "go", "Sequences have led into each other 10 times without an end."),
        ("enrollment.step", "hello", ""),
    ]
    assert queued(tired.subscriber) == ["hello"]


def test_what_an_action_names_may_be_gone_and_its_run_goes_on():
    target = make_playing(HELLO)
    leads = make_playing(
        act("go", kind="enroll", sequence=target.public_id),
        act("tag", kind="add_tag", tag="vip"),
        HELLO,
        workspace=target.workspace,
        list=target.list,
    )
    (run,) = make_runs(leads)
    lifecycle.archive_sequence(target, by=SYSTEM)
    Tag.objects.filter(slug="vip").delete()

    engine.advance()

    assert told(run.subscriber, "enrollment.step") == [
        ("enrollment.step", "go", f"The sequence “{target}” takes nobody in."),
        ("enrollment.step", "tag", "There is no such tag any more."),
        ("enrollment.step", "hello", ""),
    ]
    assert queued(run.subscriber) == ["hello"]
    assert not Enrollment.objects.filter(sequence=target).exists()


def test_a_webhook_is_told_who_came_and_why(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    workspace = WorkspaceFactory()
    endpoint, _ = webhooks.create_endpoint(
        workspace, url="http://127.0.0.1:9/hook", types=["*"], by=SYSTEM
    )
    live = make_playing(
        act("call", kind="call_webhook", endpoint=endpoint.public_id), HELLO, workspace=workspace
    )
    runs = make_runs(live, 2)
    Enrollment.objects.filter(pk=runs[0].pk).update(entry={"cart": "c1"})

    engine.advance()

    calls = WebhookCall.objects.order_by("subscriber_id")
    assert [call.type for call in calls] == ["sequence.webhook"] * 2
    data = json.loads(calls[0].body)["data"]
    assert data["sequence"] == {"id": live.public_id, "name": live.name}
    assert (data["step"], data["run"], data["entry"]) == ("call", 1, {"cart": "c1"})
    assert data["subscriber"]["email"] == runs[0].subscriber.email


def test_a_batch_is_halved_until_the_run_to_blame_stands_alone():
    live = make_playing(act("tag", kind="add_tag", tag="vip"), HELLO)
    runs = make_runs(live, 7)
    frozen = live.live_version.program
    frozen["steps"][0] = {
        "kind": "branch",
        "key": "rotten",
        "arms": [
            {
                "key": "a",
                "when": {"rule": {"field": "created_at", "op": "in_last", "value": "P99999999D"}},
                "steps": [],
            },
            {"key": "else", "steps": []},
        ],
    }
    rotten = SequenceVersion.objects.create(sequence=live, number=2, program=frozen)
    Enrollment.objects.filter(pk=runs[4].pk).update(version=rotten)

    assert engine.advance() == 7

    states = Enrollment.objects.order_by("pk").values_list("state", flat=True)
    assert [*states] == ["active"] * 4 + ["failed"] + ["active"] * 2
    assert len(queued()) == 6
    assert len(tagged()) == 6
    assert engine.advance() == 0
