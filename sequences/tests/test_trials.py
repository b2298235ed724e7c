"""Variants on trial: who gets which, which one wins, and who decides."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from analytics.services import count
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox, SendLedger
from emailseq.lib.stats import Count
from sequences import as_code, documents, engine, trials
from sequences.models import Trial
from sequences.program import EmailStep, Variant
from sequences.services import edit, endings
from sequences.services import trials as verbs
from sequences.services.as_code import apply
from sequences.services.enroll import enroll
from sequences.services.lifecycle import exit as leave
from sequences.services.publish import publish
from sequences.tests.factories import let_leave
from sequences.tests.living import BYE, HELLO, make_playing, tell
from subscribers import events
from subscribers.events import NewEvent
from subscribers.models import Event
from subscribers.tests.factories import make_audience
from templates_app.tests.factories import TemplateFactory

STEP = EmailStep("hello", 1, (Variant("a", 1, 1), Variant("b", 1, 2)), metric="click", minimum=100)
A, B = {"key": "a", "template": "hello"}, {"key": "b", "template": "other"}
TRIED = {**HELLO, "variants": [A, B], "metric": "click", "minimum": 5}


def play(rates, *, seed, people=4000, every=500):
    """A trial over so many people, judged every so often; who wins, '' for nobody."""
    chance = random.Random(seed)
    counts = {"a": Count(0, 0), "b": Count(0, 0)}
    judgement = trials.judge(STEP, counts)
    for _ in range(people // every):
        got = Counter(chance.choices([*judgement.weights], [*judgement.weights.values()], k=every))
        for key, sent in got.items():
            clicks = sum(chance.random() < rates[key] for _ in range(sent))
            counts[key] = Count(counts[key].hits + clicks, counts[key].trials + sent)
        judgement = trials.judge(STEP, counts)
        if judgement.winner:
            break
    return judgement.winner


def test_the_better_variant_wins_when_it_is_much_better():
    winners = Counter(play({"a": 0.05, "b": 0.15}, seed=seed) for seed in range(100))

    assert winners["b"] >= 95
    assert winners["a"] == 0


def test_nobody_wins_when_there_is_no_difference():
    winners = Counter(
        play({"a": 0.1, "b": 0.1}, seed=seed, people=2000, every=1000) for seed in range(100)
    )

    assert winners[""] >= 95


def test_shares_stay_until_each_was_tried_often_enough():
    step = EmailStep("s", 1, (Variant("a", 3, 1), Variant("b", 1, 2), Variant("c", 0, 3)))

    early = trials.judge(step, {"a": Count(90, 300), "b": Count(0, 99)})
    later = trials.judge(step, {"a": Count(30, 300), "b": Count(9, 100), "c": Count(9, 9)})

    assert early == ({"a": 3.0, "b": 1.0}, "")
    assert later.winner == ""
    assert later.weights.keys() == {"a", "b"}
    assert 0.5 < later.weights["a"] < 0.8
    assert trials.spread(step, later.weights)["c"] == 0.0


@pytest.fixture
def live(db):
    first = make_playing(HELLO)
    TemplateFactory(workspace=first.workspace, slug="other")
    return make_playing(
        TRIED, workspace=first.workspace, list=first.list, sender=first.sender, re_entry="always"
    )


def enter(live, count_of):
    people = make_audience(count_of, on=live.list)
    enroll(live, [person.pk for person in people], by=SYSTEM)
    engine.advance()
    return people


def sent_to(people):
    """Which variants are in the outbox for these people."""
    rows = Outbox.objects.filter(subscriber__in=people, cancelled_at=None)
    return Counter(rows.values_list("variant", flat=True))


def click(variant):
    """Everybody who got that variant clicks, a machine before them; nobody else does."""
    got = SendLedger.objects.filter(variant=variant)
    for message in SendLedger.objects.all():
        fact = NewEvent(
            message.workspace_id,
            message.subscriber_id,
            "message.clicked",
            message.finished_at,
            *("sequence", message.source_id, message.step_key, message.variant, message.pk),
            verdict="machine",
        )
        first = fact._replace(verdict="human", properties={"first": True})
        events.record_many([fact, first] if message in got else [fact])


def hear():
    count([*Event.objects.filter(source_kind="sequence").order_by("id")])


def test_a_clear_winner_is_sent_to_all_others_and_that_is_on_record(live):
    people = enter(live, 100)
    let_leave()
    click("b")
    hear()

    assert verbs.judge_all() == 1
    assert verbs.judge_all() == 0

    trial = Trial.objects.get()
    assert (trial.sequence, trial.step_key, trial.winner) == (live, "hello", "b")
    assert trial.counts["b"][0] == trial.counts["b"][1] > trial.counts["a"][0] == 0
    event = Event.objects.get(kind="sequence.variant_promoted")
    assert (event.step_key, event.variant, event.properties["by"]) == ("hello", "b", "system")
    assert AuditEntry.objects.filter(verb="sequence.variant_promoted").count() == 1
    late = enter(live, 30)
    assert sent_to(late) == {"b": 30}

    before = dict(SendLedger.objects.values_list("subscriber", "variant"))
    let_leave()
    leave(live.enrollments.all(), by=SYSTEM)
    enroll(live, [person.pk for person in people], by=SYSTEM)
    engine.advance()
    again = dict(Outbox.objects.filter(run=2).values_list("subscriber", "variant"))
    assert again == {person.pk: before[person.pk] for person in people}
    assert set(again.values()) == {"a", "b"}


def test_without_a_difference_nothing_is_decided(live):
    enter(live, 40)
    let_leave()
    hear()

    assert verbs.judge_all() == 0

    trial = Trial.objects.get()
    assert (trial.winner, trial.decided_at) == ("", None)
    assert sum(sent for _, sent in trial.counts.values()) == 40
    assert not Event.objects.filter(kind="sequence.variant_promoted").exists()


def test_what_variants_said_before_does_not_count(live):
    enter(live, 40)
    let_leave()
    click("b")
    hear()
    verbs.judge_all()
    TemplateFactory(workspace=live.workspace, slug="third")

    tried = {**TRIED, "variants": [A, {"key": "b", "template": "third"}]}
    edit.put_draft(live, document={"steps": [tried]}, by=SYSTEM)
    publish(live, by=SYSTEM)
    people = enter(live, 40)

    assert sent_to(people).keys() == {"a", "b"}
    assert verbs.judge_all() == 0
    trial = Trial.objects.get()
    assert (trial.winner, trial.counts) == ("", {"a": [0, 0], "b": [0, 0]})


def test_goals_decide_where_the_metric_says_so(live):
    goals = [{"name": "Bought", "when": {"event": "order_placed"}}]
    edit.set_endings(live, goals=goals, exits=[], by=SYSTEM)
    steps = [{**TRIED, "metric": "goal"}, {"kind": "wait", "key": "w", "delay": "P1D"}, BYE]
    edit.put_draft(live, document={"steps": steps}, by=SYSTEM)
    publish(live, by=SYSTEM)
    enter(live, 100)
    let_leave()
    got = SendLedger.objects.filter(variant="a").select_related("subscriber__workspace")
    for message in got:
        tell(message.subscriber, "order_placed")
    endings.end_by([*Event.objects.filter(kind="custom")])
    click("b")
    hear()

    assert verbs.judge_all() == 1
    assert Trial.objects.get().winner == "a"
    assert Trial.objects.get().counts["a"] == [len(got), len(got)]


def test_a_person_chooses_and_starts_over(live):
    api = Api(live.workspace)
    path = f"/sequences/{live.slug}/trials"
    [before] = api("GET", path).json()["data"]
    assert (before["step"], before["metric"], before["minimum"]) == ("hello", "click", 5)
    assert [(each["key"], each["share"]) for each in before["variants"]] == [("a", 0.5), ("b", 0.5)]
    assert (before["winner"], before["decided_at"]) == ("", None)

    refused = api("POST", f"{path}/hello/choose", {"variant": "c"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/variant")
    assert api("POST", f"{path}/nowhere/choose", {"variant": "a"}).status_code == 404
    [chosen] = api("POST", f"{path}/hello/choose", {"variant": "a"}).json()["data"]

    assert (chosen["winner"], [each["share"] for each in chosen["variants"]]) == ("a", [1.0, 0.0])
    assert chosen["decided_by"].startswith("test (")
    assert sent_to(enter(live, 20)) == {"a": 20}
    assert verbs.judge_all() == 0
    [again] = api("POST", f"{path}/hello/restart").json()["data"]
    assert (again["winner"], [each["share"] for each in again["variants"]]) == ("", [0.5, 0.5])
    assert sent_to(enter(live, 40)).keys() == {"a", "b"}
    verbs_told = AuditEntry.objects.filter(object_id=live.pk).values_list("verb", flat=True)
    assert {"sequence.variant_promoted", "trial.restarted"} <= {*verbs_told}


def test_nobody_else_sees_or_decides_a_trial(live):
    theirs = Api(make_playing(HELLO).workspace)
    reader = Api(live.workspace, "reports:read", "sequences:write")
    path = f"/sequences/{live.public_id}/trials"

    assert theirs("GET", path).status_code == 404
    assert theirs("POST", f"{path}/hello/choose", {"variant": "a"}).status_code == 404
    assert theirs("POST", f"{path}/hello/restart").status_code == 404
    assert reader("GET", path).status_code == 200
    assert reader("POST", f"{path}/hello/choose", {"variant": "a"}).status_code == 403
    assert reader("POST", f"{path}/hello/restart").status_code == 403
    assert not Trial.objects.exists()


def test_a_simulation_sends_the_winner(live):
    [person] = make_audience(1, on=live.list)
    api = Api(live.workspace)
    got = {}
    for variant in ("a", "b"):
        verbs.choose(live, step="hello", variant=variant, by=SYSTEM)
        body = {"person": person.public_id, "version": "live"}
        steps = api("POST", f"/sequences/{live.slug}/simulate", body).json()["steps"]
        got[variant] = [each["variant"] for each in steps if each["kind"] == "email"]

    assert got == {"a": ["a"], "b": ["b"]}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"metric": "opens"}, "/metric"),
        ({"minimum": 0}, "/minimum"),
        ({"minimum": "many"}, "/minimum"),
    ],
)
def test_a_trial_that_makes_no_sense_is_refused(live, changes, pointer):
    api = Api(live.workspace)
    path = f"/sequences/{live.slug}/steps/hello"
    refused = api("PATCH", path, changes, match="*")

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("step", "pointer", "code"),
    [
        ({**HELLO, "metric": "click"}, "/steps/0/variants", "required"),
        ({**TRIED, "metric": "goal"}, "/steps/0/metric", "no_goal"),
    ],
)
def test_a_metric_needs_variants_and_a_goal_needs_to_be_there(live, step, pointer, code):
    edit.put_draft(live, document={"steps": [step]}, by=SYSTEM)

    problems = Api(live.workspace)("GET", f"/sequences/{live.slug}/checks").json()["problems"]

    assert [(each["pointer"], each["code"]) for each in problems] == [(pointer, code)]


def test_a_trial_goes_with_the_document(live):
    written = as_code.written(live)

    assert written["steps"][0]["metric"] == "click"
    assert written["steps"][0]["minimum"] == 5
    edit.update(live, holdout_percent=10, by=SYSTEM)
    document = documents.load(as_code.export(live))
    assert document["holdout_percent"] == 10
    assert not apply(live.workspace, document=document, by=SYSTEM).changed


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_of_two_ticks_at_once_one_decides(live):
    enter(live, 100)
    let_leave()
    click("b")
    hear()
    barrier = Barrier(2)

    def tick():
        barrier.wait()
        return verbs.judge_all()

    with ThreadPoolExecutor(2) as pool:
        turns = [pool.submit(in_a_session_of_its_own(tick)) for _ in range(2)]
    assert sorted(turn.result() for turn in turns) == [0, 1]

    assert Event.objects.filter(kind="sequence.variant_promoted").count() == 1
    assert AuditEntry.objects.filter(verb="sequence.variant_promoted").count() == 1
    assert Trial.objects.get().winner == "b"
