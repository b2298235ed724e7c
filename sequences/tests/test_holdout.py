"""Some people are held out: they get nothing, and their goals are counted beside the others'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from delivery.models import Outbox
from emailseq.lib import clock
from sequences import engine
from sequences.services import endings
from sequences.services.enroll import enroll, is_held_out
from sequences.tests.factories import let_leave
from sequences.tests.living import HELLO, TIPS, make_playing, tell, told
from subscribers.models import Event, Tag
from subscribers.services import tag_people
from subscribers.tests.factories import make_audience

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BOUGHT = [{"name": "Bought", "when": {"event": "order_placed"}}]
LATER = {"kind": "wait", "key": "later", "delay": "P40D"}


def make_held(*steps, percent=50, count=30, **settings):
    """A sequence that holds out half of those who enter, with people; the two groups."""
    live = make_playing(*(steps or (HELLO,)), goals=BOUGHT, holdout_percent=percent, **settings)
    people = make_audience(count, on=live.list)
    assert enroll(live, [person.pk for person in people], by=SYSTEM) == count
    engine.advance()
    out = [person for person in people if is_held_out(live.pk, person.pk, percent=percent)]
    return live, [person for person in people if person not in out], out


def hear():
    """Let goals come to what has happened."""
    return endings.end_by([*Event.objects.filter(kind="custom").order_by("id")])


def test_who_is_held_out_is_always_the_same_and_gets_nothing():
    live, inside, out = make_held(re_entry="always")

    assert 4 <= len(out) <= 26
    assert {*Outbox.objects.values_list("subscriber", flat=True)} == {each.pk for each in inside}
    runs = live.enrollments.filter(subscriber__in=out)
    assert {*runs.values_list("state", "position", "run")} == {("held_out", "", 1)}
    assert runs.filter(ended_at=None).count() == 0
    assert told(out[0], "enrollment.started", "enrollment.held_out") == [
        ("enrollment.held_out", "", "")
    ]
    assert told(inside[0], "enrollment.started", "enrollment.held_out") == [
        ("enrollment.started", "", "")
    ]

    enroll(live, [each.pk for each in out], by=SYSTEM)
    engine.advance()

    again = live.enrollments.filter(subscriber__in=out, run=2)
    assert {*again.values_list("state", flat=True)} == {"held_out"}
    assert not Outbox.objects.filter(subscriber__in=out).exists()


def test_more_percent_hold_out_the_same_people_and_more():
    few = {number for number in range(2000) if is_held_out(7, number, percent=10)}
    many = {number for number in range(2000) if is_held_out(7, number, percent=30)}

    assert few < many
    assert 160 < len(few) < 240
    assert 530 < len(many) < 670
    assert not any(is_held_out(7, number, percent=0) for number in range(2000))


def test_goals_count_once_and_in_time_for_both_groups_whatever_became_of_the_run():
    with clock.frozen(NOW):
        live, inside, out = make_held(HELLO, LATER, TIPS)
        let_leave()
    with clock.frozen(NOW + timedelta(days=29)):
        live.enrollments.filter(subscriber=inside[1]).update(state="completed")
        for person in (inside[0], inside[1], out[0], out[0]):
            tell(person, "order_placed")
        hear()
        hear()
    with clock.frozen(NOW + timedelta(days=31)):
        for person in (inside[2], out[1], out[0]):
            tell(person, "order_placed")
        hear()

    reached = Event.objects.filter(kind="goal.reached").order_by("id")
    assert {(each.subscriber_id, each.verdict) for each in reached} == {
        (inside[0].pk, "compared"),
        (inside[1].pk, "compared"),
        (out[0].pk, "held_out"),
    }
    assert len(reached) == 3
    credited = Event.objects.filter(kind="goal.credited")
    assert {(each.subscriber_id, each.step_key) for each in credited} == {
        (inside[0].pk, "hello"),
        (inside[1].pk, "hello"),
    }
    assert all(each.message_id for each in credited)
    states = dict(live.enrollments.values_list("subscriber", "state"))
    assert states[inside[0].pk] == states[inside[2].pk] == "exited"
    assert states[out[0].pk] == "held_out"


def test_a_goal_that_is_reached_already_counts_in_both_groups():
    rule = {"tag": "vip", "op": "has"}
    live = make_playing(HELLO, goals=[{"name": "Vip", "when": {"rule": rule}}], holdout_percent=50)
    people = make_audience(30, on=live.list)
    vips = [person.pk for person in people[::2]]
    tag_people(Tag.objects.get(workspace=live.workspace), vips, by=SYSTEM)

    enroll(live, [person.pk for person in people], by=SYSTEM)
    engine.advance()

    reached = Event.objects.filter(kind="goal.reached").values_list("subscriber", "verdict")
    groups = {True: "held_out", False: "compared"}
    assert dict(reached) == {pk: groups[is_held_out(live.pk, pk, percent=50)] for pk in vips}
    assert len(reached) == 15


def test_simulations_and_explanations_say_who_is_held_out():
    live, inside, out = make_held(triggers=[])
    api = Api(live.workspace)

    def simulated(person):
        body = {"person": person.public_id, "version": "live"}
        steps = api("POST", f"/sequences/{live.slug}/simulate", body).json()["steps"]
        return [(each["kind"], each["why"]) for each in steps]

    def gate(person):
        path = f"/subscribers/{person.public_id}/sequences/{live.slug}/explain"
        gates = api("GET", path).json()["gates"]
        return next(each for each in gates if each["gate"] == "holdout")

    assert gate(out[0]) == {
        "gate": "holdout",
        "passed": False,
        "because": "50 % are held out, to compare with: they are one of those",
    }
    assert gate(inside[0])["passed"] is True
    assert simulated(inside[0]) == [
        ("started", ""),
        ("email", ""),
        ("completed", ""),
    ]
    assert simulated(out[0]) == [("held_out", "One of the 50 % who are held out, to compare with.")]
