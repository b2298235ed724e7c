"""Sequences under clocks, alarm clocks and callers that are out of order."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db.models import F

from accounts.audit import SYSTEM
from accounts.permissions import ALL
from accounts.services import create_api_key
from delivery.models import Outbox, SendLedger
from sequences.models import Enrollment
from sequences.tests.factories import EMAIL, make_live, make_runs
from subscribers.tests.factories import make_audience
from tests.faults import books

ci = pytest.mark.faults(group="ci")
nightly = pytest.mark.faults(group="nightly")
full = pytest.mark.faults(group="full")

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def mails(rig):
    """How many messages each address got, and how many different ones."""
    lines = [line for line in books.read(rig.journal) if line["code"] == 250]
    each = Counter(line["rcpt"] for line in lines)
    return each, Counter(rcpt for rcpt, _ in {(one["rcpt"], one["message_id"]) for one in lines})


@ci
def test_f14_five_beats_ring_and_each_step_is_taken_once(lab):
    people = lab.size(ci=100, nightly=500)
    with lab.rig(beats=5, senders=1) as rig:
        live = make_live(EMAIL, 2 * SECOND, EMAIL)
        make_runs(live, people)
        rig.wait(lambda: not Enrollment.objects.filter(state="active").exists(), seconds=90)
        rig.wait(lambda: not Outbox.objects.exists(), seconds=90)

        each, distinct = mails(rig)
        steps = Enrollment.objects.filter(state="completed").count()
        lab.note(people=people, completed=steps, arrived=sum(each.values()))
        assert set(each.values()) == set(distinct.values()) == {2}
        assert len(each) == steps == people
        assert rig.disagreements() == []
        assert rig.tracebacks() == {}


@nightly
def test_f15_after_two_hours_without_a_beat_overdue_steps_are_taken_once_and_in_order(lab):
    people = lab.size(nightly=500)
    with lab.rig(senders=1) as rig:
        live = make_live(EMAIL, HOUR, EMAIL, HOUR, EMAIL)
        make_runs(live, people)
        waits = Enrollment.objects.filter(
            state="active", due_at__gt=F("entered_step_at") + HOUR / 2
        )
        rig.wait(lambda: SendLedger.objects.count() == people, seconds=60)
        rig.wait(lambda: waits.count() == people, seconds=60)
        rig.kill("beat-0")
        time.sleep(3)
        two_hours_pass()
        rig.start("beat-0")
        rig.wait(lambda: SendLedger.objects.count() == 2 * people, seconds=90)
        time.sleep(5)

        each, distinct = mails(rig)
        lab.note(people=people, arrived=sum(each.values()))
        assert set(each.values()) == set(distinct.values()) == {2}, "an overdue step came twice"
        assert rig.tracebacks() == {}
        assert Enrollment.objects.filter(state="active").count() == people


def two_hours_pass():
    """What is written down lies two hours further back."""
    ago = 2 * HOUR
    Enrollment.objects.update(due_at=F("due_at") - ago, entered_step_at=F("entered_step_at") - ago)
    SendLedger.objects.update(finished_at=F("finished_at") - ago, wire_at=F("wire_at") - ago)


@ci
def test_f33_fifty_who_enroll_one_person_at_once_start_one_run(lab):
    with lab.rig(web=True, senders=1) as rig:
        live = make_live(EMAIL)
        (person,) = make_audience(1, on=live.list)
        _, key = create_api_key(workspace=live.workspace, name="test", scopes=ALL, by=SYSTEM)
        body = {"sequence": live.slug, "subscriber": person.public_id}

        def enroll(number: int) -> int:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            if number % 2:
                headers["Idempotency-Key"] = "the-same"
            return rig.ask("POST", "/api/v1/enrollments", json.dumps(body), headers)

        rig.wait_for_web()
        with ThreadPoolExecutor(25) as pool:
            answers = Counter(pool.map(enroll, range(50)))
        rig.wait(lambda: rig.accepted() and not Outbox.objects.exists(), seconds=60)
        time.sleep(2)

        lab.note(answers=dict(answers))
        assert Enrollment.objects.count() == 1
        assert rig.accepted() == SendLedger.objects.count() == 1
        assert answers[201] >= 1
        assert not [status for status in answers if status >= 500]
        assert rig.tracebacks() == {}


@full
@pytest.mark.parametrize("shift", [3600, -3600, 30 * 86400])
def test_f35_a_host_whose_clock_is_wrong_sends_nothing_early_and_nothing_twice(lab, shift):
    people = lab.size(full=300)
    with lab.rig(senders=1, sabotage=f"clock{shift:+d}") as rig:
        live = make_live(EMAIL, 24 * HOUR, EMAIL)
        make_runs(live, people)
        rig.wait(lambda: SendLedger.objects.count() == people, seconds=90)
        time.sleep(10)

        each, _ = mails(rig)
        lab.note(shift=shift, arrived=sum(each.values()))
        assert set(each.values()) == {1}, "a message left early, or twice"
        assert len(each) == people
        assert Enrollment.objects.filter(state="active").count() == people
