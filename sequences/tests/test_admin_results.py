"""What the page of a sequence says of its variants, and of those who are held out."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from analytics.services import count
from delivery.models import Outbox
from sequences import engine
from sequences.models import Trial
from sequences.services import endings
from sequences.services.enroll import enroll
from sequences.tests.factories import let_leave
from sequences.tests.living import HELLO, make_playing, tell
from subscribers.models import Event
from subscribers.tests.factories import make_audience

pytestmark = pytest.mark.django_db
VARIED = {
    **HELLO,
    "variants": [{"key": "a", "template": "hello"}, {"key": "b", "template": "hello"}],
}
TRIED = {**VARIED, "metric": "click", "minimum": 1000}


def shown(client, sequence):
    page = client.get(reverse("admin:sequences_sequence_change", args=[sequence.pk]))
    assert page.status_code == 200
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.content.decode()))


def enter(live, number):
    people = make_audience(number, on=live.list)
    enroll(live, [person.pk for person in people], by=SYSTEM)
    engine.advance()
    return people


def test_a_variant_is_chosen_and_the_trial_started_over_by_hand():
    client = sign_in()
    live = make_playing(TRIED, workspace=client.workspace)
    enter(live, 20)
    let_leave()
    count([*Event.objects.filter(source_kind="sequence")])
    step = live.steps.get()
    assert "On trial by clicks. Not enough data." in shown(client, live)
    choose = reverse("admin:sequences_step_choose", args=[step.pk])

    assert not is_done(act(client, f"{choose}?variant=z"))
    assert is_done(act(client, f"{choose}?variant=b"))

    page = shown(client, live)
    assert "“b” is sent to all others since" in page
    assert "reached 20" in page
    enter(live, 9)
    assert [*Outbox.objects.values_list("variant", flat=True)] == ["b"] * 9
    assert Trial.objects.get().decided_by == client.user.email
    restart = reverse("admin:sequences_step_restart", args=[step.pk])
    assert is_done(act(client, restart))
    assert Trial.objects.get().winner == ""


def test_an_analyst_reads_and_decides_nothing():
    client = sign_in(role="Analyst")
    live = make_playing(VARIED, workspace=client.workspace)
    step = live.steps.get()

    assert "Send b to all others" not in shown(client, live)
    choose = reverse("admin:sequences_step_choose", args=[step.pk])
    assert client.post(f"{choose}?variant=b").status_code == 403
    assert not Trial.objects.exists()


def test_the_page_says_what_those_who_are_held_out_show():
    client = sign_in()
    goals = [{"name": "Bought", "when": {"event": "order_placed"}}]
    live = make_playing(HELLO, workspace=client.workspace, goals=goals, holdout_percent=50)
    assert "held out" not in shown(client, live)
    people = enter(live, 40)
    held = {*live.enrollments.filter(state="held_out").values_list("subscriber", flat=True)}
    inside = [person for person in people if person.pk not in held]
    buyers = [*inside[:6], next(person for person in people if person.pk in held)]
    for person in buyers:
        tell(person, "order_placed")
    endings.end_by([*Event.objects.filter(kind="custom")])
    count([*Event.objects.filter(source_kind="sequence")])

    page = shown(client, live)

    said = f"of {len(inside)} runs reached a goal within 30 days"
    assert said in page
    assert f"of {len(held)} people who were held out. Lift: +" in page
    versions = reverse("admin:sequences_sequenceversion_changelist")
    assert client.get(f"{versions}?sequence__id__exact={live.pk}").status_code == 200
    runs = reverse("admin:sequences_enrollment_changelist")
    listed = client.get(f"{runs}?sequence__id__exact={live.pk}&state__exact=held_out")
    assert listed.content.decode().count("Held out, to compare") >= len(held)
    run = live.enrollments.filter(state="held_out").first()
    own = client.get(reverse("admin:sequences_enrollment_change", args=[run.pk]))
    assert own.status_code == 200
    assert "Held out, to compare" in own.content.decode()
