"""What happened, why, and what is ahead: over the API and the command line."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from delivery.models import Outbox, SendLedger
from emailseq.lib import clock
from sequences import engine, outlook
from sequences.services import backfill, edit, lifecycle
from sequences.services.enroll import enroll
from sequences.tests.factories import let_leave
from sequences.tests.living import BYE, HELLO, make_playing, only_run, tell, wait_until
from subscribers.models import Tag
from subscribers.services import tag_people
from subscribers.tests.factories import make_audience

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TWO_DAYS = {"kind": "wait", "key": "two-days", "delay": "P2D"}
VIPS = {
    "kind": "branch",
    "key": "vips",
    "arms": [{"key": "vip", "name": "VIPs", "when": {"rule": {"tag": "vip", "op": "has"}}}],
}


def enter(sequence, count=1):
    people = make_audience(count, on=sequence.list)
    enroll(sequence, [person.pk for person in people], by=SYSTEM)
    engine.advance()
    return people


def path_of(person, sequence, **query):
    pairs = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/subscribers/{person.public_id}/sequences/{sequence.slug}/explain?{pairs}"


def gates(api, person, sequence, **query):
    answer = api("GET", path_of(person, sequence, **query))
    assert answer.status_code == 200, answer.json()
    return {each["gate"]: (each["passed"], each["because"]) for each in answer.json()["gates"]}


def test_the_log_of_a_run_tells_every_step_and_arm_and_message():
    replied = {"name": "Replied", "when": {"reply": True}}
    sequence = make_playing(HELLO, VIPS, wait_until(replied), BYE)
    enter(sequence)
    let_leave()
    api, run = Api(sequence.workspace), only_run(sequence)
    lifecycle.exit(sequence.enrollments.all(), by=SYSTEM, reason="by hand")

    told = api("GET", f"/enrollments/{run.public_id}/log").json()["data"]

    assert [(each["kind"], each["step"], each["arm"], each["why"]) for each in told] == [
        ("enrollment.started", "", "", ""),
        ("enrollment.step", "hello", "", ""),
        ("enrollment.step", "vips", "else", ""),
        ("enrollment.step", "until", "", ""),
        ("message.sent", "hello", "", ""),
        ("enrollment.exited", "until", "", "by hand"),
    ]


def test_the_log_of_a_run_is_not_that_of_the_next():
    sequence = make_playing(HELLO, TWO_DAYS, BYE, re_entry="always")
    [person] = enter(sequence)
    lifecycle.exit(sequence.enrollments.all(), by=SYSTEM)
    enroll(sequence, [person.pk], by=SYSTEM)
    api = Api(sequence.workspace)
    first, second = sequence.enrollments.order_by("run")

    kinds = [
        [each["kind"] for each in api("GET", f"/enrollments/{run.public_id}/log").json()["data"]]
        for run in (first, second)
    ]

    assert kinds[0][0] == "enrollment.started"
    assert kinds[0][-1] == "enrollment.exited"
    assert kinds[1] == ["enrollment.started"]


def test_why_a_step_was_not_reached():
    sequence = make_playing(HELLO, VIPS, BYE, triggers=[{"kind": "event", "event": "signed_up"}])
    steps = [{**VIPS, "arms": [{**VIPS["arms"][0], "steps": [{**HELLO, "key": "gift"}]}]}]
    edit.put_draft(sequence, document={"steps": [HELLO, *steps, BYE]}, by=SYSTEM)
    [person] = enter(sequence)
    api = Api(sequence.workspace)

    answer = gates(api, person, sequence, step="gift")

    passed, because = answer["step"]
    assert not passed
    assert because.startswith("did not come to step 2 › VIPs › 1: run 1 active at bye")
    assert because.endswith(", by 2 → else")
    assert answer["trigger"] == (False, "Something happens to somebody: “signed_up” has never come")
    assert answer["sequence"] == (True, "the sequence is live")
    assert gates(api, person, sequence, step="hello")["step"][0] is True


def test_why_somebody_never_entered():
    rule = {"tag": "vip", "op": "has"}
    sequence = make_playing(
        HELLO,
        triggers=[
            {
                "kind": "event",
                "event": "cart",
                "where": [{"property": "total", "op": "gte", "value": 100}],
            },
            {"kind": "tag_added", "tag": "vip"},
        ],
        entry_rule=None,
    )
    edit.update(sequence, entry_rule=rule, by=SYSTEM)
    [person] = make_audience(1, on=sequence.list)
    tell(person, "cart", properties={"total": 5})
    api = Api(sequence.workspace)

    answer = api("GET", path_of(person, sequence)).json()

    assert answer["passed"] is False
    assert answer["messages"] == []
    assert [(each["gate"], each["passed"], each["because"]) for each in answer["gates"]][1:5] == [
        (
            "trigger",
            False,
            "Something happens to somebody: "
            "“cart” came, but never with properties that compare as it wants",
        ),
        ("trigger", False, "Somebody gets a tag: does not carry “VIP”"),
        ("entry rule", False, "does not hold now: Tagged “VIP”."),
        ("enrolled", False, "never entered"),
    ]
    tag_people(Tag.objects.get(slug="vip", workspace=sequence.workspace), [person.pk], by=SYSTEM)
    tell(person, "cart", properties={"total": 500})
    answer = gates(api, person, sequence)
    assert answer["entry rule"][0] is True
    assert answer["trigger"][0] is True


def test_who_has_been_is_told_when_they_may_come_again():
    sequence = make_playing(HELLO, BYE, re_entry="cooldown", cooldown=5 * DAY)
    with clock.frozen(NOW):
        [person] = enter(sequence)
        lifecycle.exit(sequence.enrollments.all(), by=SYSTEM, reason="by hand")
    with clock.frozen(NOW + DAY):
        answer = gates(Api(sequence.workspace), person, sequence)
        assert answer["re-entry"] == (
            False,
            "run 1 ended 2026-11-24 09:00:00: again from 2026-11-29 09:00:00",
        )
        edit.update(sequence, re_entry="never", by=SYSTEM)
        answer = gates(Api(sequence.workspace), person, sequence)
        assert answer["re-entry"][1].endswith("and nobody comes twice")


def test_a_zone_that_there_is_not_is_told_of():
    sequence = make_playing(HELLO, workspace__time_zone="Europe/Berlin")
    [person] = enter(sequence)
    type(person).objects.update(time_zone="Mars/Olympus")

    told = gates(Api(sequence.workspace), person, sequence)

    lost = "there is no “Mars/Olympus”: Europe/Berlin of the workspace is taken"
    assert told["time zone"] == (True, lost)


def test_the_command_answers_for_a_step():
    sequence = make_playing(HELLO, TWO_DAYS, BYE, slug="welcome")
    [person] = enter(sequence)
    out = StringIO()

    call_command("explain", person.email, "welcome", "--step", "bye", stdout=out)

    assert "  ✗ step: did not come to step 3: run 1 active at two-days, due " in out.getvalue()
    assert "  ✓ enrolled: run 1 active at two-days, due " in out.getvalue()
    assert "  · hello: due " in out.getvalue()


def test_what_happens_next_is_on_the_clock_of_the_person():
    monday = {"kind": "wait", "key": "monday", "until": {"weekdays": [1], "time": "09:00"}}
    goals = [{"name": "Ordered", "when": {"event": "order_placed"}}]
    sequence = make_playing(HELLO, monday, BYE, goals=goals)
    with clock.frozen(NOW):
        [person] = enter(sequence)
        type(person).objects.update(time_zone="Europe/Berlin")
        api = Api(sequence.workspace)
        told = api("GET", f"/subscribers/{person.public_id}/upcoming").json()["data"]

        run = only_run(sequence)
        assert [(each["step"], each["number"], each["local"]) for each in told] == [
            ("hello", "1", "2026-11-24T10:00:00+01:00"),
            ("bye", "3", "2026-11-30T09:00:00+01:00"),
        ]
        assert told[1]["unless"] == ["Ordered"]
        assert told[1]["template"] == "hello"
        assert told[1]["subject"]
        assert (told[1]["enrollment"], told[1]["at"]) == (run.public_id, "2026-11-30T08:00:00Z")
        lifecycle.pause(sequence.enrollments.all(), by=SYSTEM)
        assert api("GET", f"/subscribers/{person.public_id}/upcoming").json()["data"] == []


def test_what_is_foretold_is_what_happens():
    sequence = make_playing(
        HELLO, TWO_DAYS, VIPS, {**HELLO, "key": "again"}, TWO_DAYS | {"key": "more"}, BYE
    )
    with clock.frozen(NOW):
        enter(sequence, 3)
        foretold = outlook.forecast(sequence).by_day
    happened = Counter()
    for hour in range(24 * 6):
        with clock.frozen(NOW + timedelta(hours=hour)):
            leaving = [*Outbox.objects.values_list("pk", flat=True)]
            happened[clock.now().date()] += let_leave()
            # The ledger goes by the database's clock, which nobody holds.
            SendLedger.objects.filter(pk__in=leaving).update(finished_at=clock.now())
            sequence.enrollments.filter(state="active").update(due_at=clock.now())
            engine.advance()

    assert {day: count for day, count in foretold.items() if count} == dict(+happened)
    assert sum(foretold.values()) == 9
    assert len(foretold) == 30


def test_a_forecast_of_many_is_made_of_some(monkeypatch):
    monkeypatch.setattr(outlook, "SAMPLE", 3)
    sequence = make_playing(HELLO, TWO_DAYS, BYE)
    with clock.frozen(NOW):
        enter(sequence, 12)

        answer = Api(sequence.workspace)("GET", f"/sequences/{sequence.slug}/forecast").json()

    assert (answer["runs"], answer["sampled"], answer["arriving"]) == (12, 3, 0)
    assert [day for day in answer["days"] if day["messages"]] == [
        {"date": "2026-11-24", "messages": 12},
        {"date": "2026-11-26", "messages": 12},
    ]


def test_a_forecast_counts_whom_a_backfill_lets_in():
    sequence = make_playing(HELLO, TWO_DAYS, BYE)
    make_audience(5, on=sequence.list)
    with clock.frozen(NOW.replace(hour=0)):
        backfill.start_backfill(sequence, per_day=2, by=SYSTEM)

        found = outlook.forecast(sequence)

    assert (found.runs, found.arriving, found.sampled_arriving) == (0, 5, 5)
    assert {day.day: count for day, count in found.by_day.items() if count} == {
        24: 2,
        25: 2,
        26: 1 + 2,
        27: 2,
        28: 1,
    }


def test_nothing_is_foretold_of_a_paused_sequence():
    sequence = make_playing(HELLO, TWO_DAYS, BYE)
    enter(sequence, 2)
    lifecycle.pause_sequence(sequence, by=SYSTEM)

    assert sum(outlook.forecast(sequence).by_day.values()) == 0


def test_people_are_explained_to_whom_may_see_them():
    sequence = make_playing(HELLO)
    [person] = enter(sequence)
    api = Api(sequence.workspace, "subscribers:read")

    for path in (f"/subscribers/{person.public_id}/upcoming", path_of(person, sequence)):
        answer = api("GET", path)
        assert (answer.status_code, answer.json()["scope"]) == (403, "sequences:read")
