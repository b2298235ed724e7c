"""Every number of a sequence is what one would count in the log by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from analytics.recount import drift
from analytics.tests.factories import catch_up
from delivery.models import SendLedger
from emailseq.lib import clock
from sequences import engine
from sequences.models import Enrollment
from sequences.services import edit, lifecycle
from sequences.services.enroll import enroll
from sequences.services.publish import publish
from sequences.tests.factories import consume, let_leave
from sequences.tests.living import BYE, HELLO, make_playing, tell, wait_until
from subscribers import events
from subscribers.events import NewEvent
from subscribers.models import Event
from subscribers.tests.factories import make_audience
from templates_app.tests.factories import TemplateFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
VARIED = {
    **HELLO,
    "variants": [{"key": "a", "template": "hello"}, {"key": "b", "template": "hello"}],
}
REPLY = wait_until({"key": "answer", "name": "Answer", "when": {"reply": True}})
BOUGHT = [{"name": "Bought", "when": {"event": "order_placed"}}]


@pytest.fixture
def live():
    """Two versions with a history: some open, click, answer, buy, leave or are moved on."""
    with clock.frozen(NOON):
        live = make_playing(VARIED, REPLY, BYE, goals=BOUGHT, holdout_percent=20)
        first = enter(live, 30)
        engage(first[:12])
    with clock.frozen(NOON + timedelta(hours=3)):
        TemplateFactory(workspace=live.workspace, slug="ta-ta")
        bye = {**BYE, "template": "ta-ta"}
        edit.put_draft(live, document={"steps": [VARIED, REPLY, bye]}, by=SYSTEM)
        publish(live, by=SYSTEM)
        second = enter(live, 20)
        engage([*first[8:14], *second[:7]])
    with clock.frozen(NOON + timedelta(hours=4)):
        for person in (first[0], first[15], second[0], second[10]):
            tell(person, "order_placed")
        consume()
        leaving = Enrollment.objects.live().filter(subscriber__in=[first[20], second[11]])
        lifecycle.exit(leaving, by=SYSTEM)
        live.enrollments.filter(state="active").update(due_at=clock.now() - timedelta(days=9))
    with clock.frozen(NOON + timedelta(days=2)):
        engine.advance()
        let_leave()
        live.enrollments.filter(state="active").update(due_at=clock.now())
        engine.advance()
    catch_up()
    return live


def enter(live, count):
    people = make_audience(count, on=live.list)
    enroll(live, [person.pk for person in people], by=SYSTEM)
    engine.advance()
    let_leave()
    return people


def engage(people):
    """They open what they have got, machines look too, and every third clicks, twice."""
    for message in SendLedger.objects.filter(subscriber__in=people):
        fact = NewEvent(
            *(message.workspace_id, message.subscriber_id, "message.opened", clock.now()),
            *("sequence", message.source_id, message.step_key, message.variant, message.pk),
        )
        news = [fact._replace(verdict="machine")]
        if not message.opened_at:
            news.append(fact._replace(verdict="human", properties={"first": True}))
            SendLedger.objects.filter(pk=message.pk).update(opened_at=clock.now())
        if message.subscriber_id % 3 == 0:
            click = fact._replace(kind="message.clicked", verdict="human")
            first = {} if message.clicked_at else {"first": True}
            news += [click._replace(properties=first), click]
            clicked_at = message.clicked_at or clock.now()
            SendLedger.objects.filter(pk=message.pk).update(clicked_at=clicked_at)
        events.record_many(news)


def log_of(live):
    """The log, each event with the version of its run when that came to the step."""
    own = [*Event.objects.filter(source_kind="sequence", source_id=live.pk).order_by("id")]
    runs = dict(SendLedger.objects.values_list("pk", "run"))
    came: dict[tuple[int, int, str], int] = {}
    for event in own:
        if event.kind == "enrollment.step":
            place = (event.subscriber_id, event.properties["run"], event.step_key)
            came.setdefault(place, event.properties["version_id"])
    return [
        (
            event,
            came[event.subscriber_id, runs[event.message_id], event.step_key]
            if event.message_id
            else event.properties.get("version_id"),
        )
        for event in own
    ]


def by_hand(log):
    """The numbers of each step, from the log alone."""
    found: dict[tuple[str, str], Counter] = {}
    for event, _ in log:
        counts = found.setdefault((event.step_key, event.variant), Counter())
        human, first = event.verdict == "human", event.properties.get("first") is True
        match event.kind:
            case "message.sent":
                counts["sent"] += 1
            case "message.opened" | "message.clicked":
                name = event.kind.removeprefix("message.")
                counts[name] += human and first
                counts[f"machine_{name}"] += event.verdict == "machine"
            case "goal.credited":
                counts["goal"] += 1
            case "enrollment.exited" | "enrollment.failed":
                counts["left"] += 1
            case "enrollment.step":
                counts["reached"] += not (event.step_key == "until" and event.properties.get("arm"))
    return found


MESSAGE = ("sent", "opened", "clicked", "machine_opened", "machine_clicked", "goal")


def check(told, log):
    found = by_hand(log)
    for step in told["steps"]:
        own = {variant: each for (key, variant), each in found.items() if key == step["id"]}
        names = (*MESSAGE, "reached", "left")
        wanted = {name: sum(each[name] for each in own.values()) for name in names}
        assert {name: step[name] for name in names} == wanted, step["id"]
        for variant in step["variants"]:
            wanted = {name: own[variant["key"]][name] for name in MESSAGE}
            assert {name: variant[name] for name in MESSAGE} == wanted, variant
    kinds = Counter((event.kind, event.verdict) for event, _ in log)
    by_kind = Counter(event.kind for event, _ in log)
    assert told["started"] == by_kind["enrollment.started"]
    assert told["completed"] == by_kind["enrollment.completed"]
    assert told["goal"] == kinds["goal.reached", "compared"]


def test_the_numbers_are_those_of_the_log_for_each_version_variant_and_period(live):
    log, api = log_of(live), Api(live.workspace)
    first, second = live.versions.order_by("number")
    path = f"/sequences/{live.slug}/stats"

    with clock.frozen(NOON + timedelta(days=2, minutes=30)):
        whole = api("GET", path).json()
        check(whole, log)
        check(api("GET", f"{path}?version=1").json(), [each for each in log if each[1] == first.pk])
        check(
            api("GET", f"{path}?version=2").json(), [each for each in log if each[1] == second.pk]
        )
        lately = [each for each in log if each[0].occurred_at >= NOON + timedelta(hours=1)]
        check(api("GET", f"{path}?period=P2D").json(), lately)

    hello = whole["steps"][0]
    assert [each["key"] for each in hello["variants"]] == ["a", "b"]
    assert hello["sent"] == sum(each["sent"] for each in hello["variants"]) > 30
    assert 0 < hello["clicked"] < hello["opened"] < hello["sent"]
    assert whole["steps"][1]["left"] == len(
        Event.objects.filter(kind="enrollment.exited", step_key="until")
    )
    held = whole["holdout"]
    assert (held["percent"], held["within"]) == (20, "P30D")
    assert held["held_out"] + held["compared"] == 50
    assert held["compared"] == whole["started"]
    assert held["held_out_goal"] + held["compared_goal"] == 4
    assert [str(each) for each in drift()] == []


def test_what_is_asked_for_must_be_there(live):
    api = Api(live.workspace)

    for query, pointer in (("version=3", "/version"), ("period=soon", "/period")):
        answer = api("GET", f"/sequences/{live.slug}/stats?{query}")
        assert answer.status_code == 400, answer.json()
        assert answer.json()["errors"][0]["pointer"] == pointer
