"""What the back office says of what happened, why, and what is ahead; and what begins there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from delivery.models import Outbox, SendLedger
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from sequences import engine
from sequences.models import Backfill, Enrollment, Resumption, Sequence
from sequences.services import backfill, edit, lifecycle
from sequences.services.enroll import enroll
from sequences.tests.factories import DAY, EMAIL, let_leave, make_draft, make_live, make_runs
from sequences.tests.living import BYE, HELLO, make_playing, only_run
from subscribers.models import Tag
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TWO_DAYS = {"kind": "wait", "key": "two-days", "delay": "P2D"}
VIPS = {
    "kind": "branch",
    "key": "vips",
    "arms": [
        {
            "key": "vip",
            "name": "VIPs",
            "when": {"rule": {"tag": "vip", "op": "has"}},
            "steps": [{**BYE, "key": "extra"}],
        }
    ],
}


def url(verb: str, target) -> str:
    return reverse(f"admin:{target._meta.label_lower.replace('.', '_')}_{verb}", args=[target.pk])


def enter(sequence, count=1):
    people = make_audience(count, on=sequence.list)
    enroll(sequence, [person.pk for person in people], by=SYSTEM)
    engine.advance()
    return people


def lines(page) -> list[tuple[str, str, str, str]]:
    """The table of a simulation: step, their clock, what happens, why."""
    return [
        (each["line"].number, f"{each['local']:%F %H:%M}", str(each["what"]), each["why"])
        for each in page.context["lines"]
    ]


def test_a_sequence_is_played_for_somebody_invented():
    client = sign_in()
    sequence = make_playing(HELLO, TWO_DAYS, VIPS, BYE, workspace=client.workspace)
    vip = Tag.objects.get(workspace=client.workspace, slug="vip")
    told = {"start": "2026-11-24T09:00:00Z", "time_zone": "Asia/Kathmandu", "first_name": "Ada"}

    assert client.get(url("simulate", sequence)).context["lines"] is None
    page = client.get(url("simulate", sequence), {**told, "tags": [vip.pk]})

    assert lines(page) == [
        ("", "2026-11-24 14:45", "They come in", ""),
        ("1", "2026-11-24 14:45", "Send an email", ""),
        ("2", "2026-11-24 14:45", "Wait", ""),
        ("3", "2026-11-26 14:45", "Branch → vip", "Its rule holds."),
        ("3 › VIPs › 1", "2026-11-26 14:45", "Send an email", ""),
        ("4", "2026-11-26 14:45", "Send an email", ""),
        ("", "2026-11-26 14:45", "They have come to the end", ""),
    ]
    shown = page.content.decode()
    assert page.context["lines"][1]["line"].subject in shown
    assert "Thu 26 Nov 2026, 14:45" in shown
    assert not Enrollment.objects.exists()
    assert not Outbox.objects.exists()


def test_what_happens_to_somebody_known_is_played_too():
    client = sign_in()
    goals = [{"name": "Ordered", "when": {"event": "order_placed"}}]
    sequence = make_playing(HELLO, TWO_DAYS, BYE, goals=goals, workspace=client.workspace)
    [person] = make_audience(1, on=sequence.list)
    told = {"person": person.email, "start": "2026-11-24T09:00:00Z", "version": "live"}

    ordered = client.get(
        url("simulate", sequence), {**told, "events": "- {name: order_placed, at: PT2H}"}
    )
    wrong = client.get(url("simulate", sequence), {**told, "events": "- {name: x, at: soon}"})
    nobody = client.get(url("simulate", sequence), {"person": "nobody@example.com"})

    assert lines(ordered)[-1] == ("", "2026-11-24 11:00", "The goal is reached", "Ordered")
    assert wrong.context["lines"] is None
    said = "0/at: Write an instant like 2026-03-27T12:00:00Z, or P2D."
    assert wrong.context["form"].errors["events"] == [said]
    assert nobody.context["form"].errors["person"] == ["Nobody here is “nobody@example.com”."]


def test_a_draft_that_cannot_be_published_is_not_played_but_told_of():
    client = sign_in()
    sequence = make_draft(workspace=client.workspace)

    page = client.get(url("simulate", sequence), {"first_name": "Ada"})

    assert page.context["lines"] is None
    assert 'role="alert"' in page.content.decode()


def test_the_days_ahead_are_told_as_a_table():
    client = sign_in()
    sequence = make_playing(HELLO, TWO_DAYS, BYE, workspace=client.workspace)
    with clock.frozen(NOW):
        enter(sequence, 3)

        page = client.get(url("forecast", sequence))

    messages = [count for _, count in page.context["days"]]
    assert messages == [3, 0, 3, *[0] * 27]
    assert page.context["total"] == 6
    assert (
        '<th scope="row">Thu 26 Nov</th><td>3</td><td><progress class="bo-progress bo-bar" max="3"'
        ' value="3"'
    ) in page.content.decode()


def test_why_somebody_did_not_get_a_step_is_told_gate_by_gate():
    client = sign_in()
    sequence = make_playing(HELLO, TWO_DAYS, BYE, workspace=client.workspace)
    [person] = enter(sequence)
    let_leave()
    stranger = make_audience(1, on=ListFactory())[0]

    page = client.get(url("why", sequence), {"person": person.email, "step": "bye"})
    told = {name: (passed, because) for name, passed, _, because in page.context["gates"]}

    assert told["Inside"][0] is True
    assert told["Step"][0] is False
    assert told["Step"][1].startswith("did not come to step 3: run 1 active at ")
    assert told["Consent"] == (True, f"confirmed on “{sequence.list}”")
    assert len(page.context["closed"]) == 1
    assert "1 gate is closed." in page.content.decode()
    assert page.context["messages_of"][0].startswith("1: sent ")
    by_id = client.get(url("why", sequence), {"person": person.public_id})
    assert by_id.context["person"] == person
    foreign = client.get(url("why", sequence), {"person": stranger.email})
    assert foreign.context["form"].errors["person"] == ["Nobody here has this address."]


def test_a_run_tells_step_by_step_what_happened_and_what_is_ahead():
    client = sign_in()
    sequence = make_playing(HELLO, VIPS, TWO_DAYS, BYE, workspace=client.workspace)
    with clock.frozen(NOW):
        [person] = enter(sequence)
        let_leave()
        SendLedger.objects.update(finished_at=NOW)
        engine.advance()
        run = only_run(sequence)
        page = client.get(url("change", run))

    assert [(each["sentence"], each["beside"]) for each in page.context["told"]] == [
        ("Entered the sequence", ""),
        ("Came to step 1: Send an email", ""),
        ("Left step 2 by the arm else", ""),
        ("Came to step 3: Wait", ""),
        ("Was sent “hello”", ""),
    ]
    assert [f"{each['local']:%F %H:%M}" for each in page.context["ahead"]] == ["2026-11-26 09:00"]
    assert f"{url('why', sequence)}?person={person.public_id}" in page.content.decode()
    assert url("change", run) in client.get(url("change", person)).content.decode()


def test_the_page_of_a_person_tells_what_is_ahead_of_them():
    client = sign_in()
    first = make_playing(HELLO, TWO_DAYS, BYE, workspace=client.workspace)
    other = make_playing(TWO_DAYS, BYE, workspace=client.workspace, list=first.list)
    with clock.frozen(NOW):
        [person] = enter(first)
        enroll(other, [person.pk], by=SYSTEM)
        ahead = reverse("admin:sequences_enrollment_ahead", args=[person.pk])
        told = client.get(ahead).context["ahead"]

    assert (
        f'hx-get="{ahead}" hx-trigger="load"' in client.get(url("change", person)).content.decode()
    )
    assert [(each["run"].sequence, f"{each['local']:%F %H:%M}") for each in told] == [
        (first, "2026-11-24 09:00"),
        (first, "2026-11-26 09:00"),
        (other, "2026-11-26 09:00"),
    ]
    assert sign_in().get(ahead).status_code == 404
    blind = sign_in(role="Author", workspace=client.workspace)
    assert blind.get(ahead).status_code == 403


def test_a_run_that_has_ended_says_why_and_has_nothing_ahead():
    client = sign_in()
    sequence = make_playing(HELLO, TWO_DAYS, BYE, workspace=client.workspace)
    enter(sequence)
    lifecycle.exit(sequence.enrollments.all(), by=SYSTEM, reason="by hand")

    page = client.get(url("change", only_run(sequence)))

    told = page.context["told"][-1]
    assert told["sentence"] == "Left the sequence early: by hand"
    assert page.context["ahead"] == []
    assert "What is ahead" not in page.content.decode()


def test_a_recipe_becomes_a_draft_with_templates_of_its_own():
    client = sign_in()
    SenderFactory(workspace=client.workspace)
    news = ListFactory(workspace=client.workspace)
    recipe = reverse("admin:sequences_sequence_recipe")

    assert "Abandoned cart" in client.get(recipe).content.decode()
    made = act(client, recipe, recipe="welcome", name="Ahoy", slug="ahoy", list=news.pk)

    sequence = Sequence.objects.get()
    assert made.headers["HX-Redirect"] == url("change", sequence)
    assert (sequence.name, sequence.slug, sequence.list, sequence.state) == (
        *("Ahoy", "ahoy", news),
        "draft",
    )
    assert sequence.steps.filter(template__slug__startswith="ahoy").exists()
    again = act(client, recipe, recipe="welcome", slug="ahoy").content.decode()
    assert "There is a sequence “ahoy”: choose another slug." in again
    assert Sequence.objects.count() == 1


def test_a_recipe_takes_the_right_to_make_what_it_brings_along():
    client = sign_in(role="Author")
    SenderFactory(workspace=client.workspace)

    answer = act(client, reverse("admin:sequences_sequence_recipe"), recipe="welcome")

    assert "Your role lacks: lists:write" in answer.content.decode()
    assert not Sequence.objects.exists()


def test_who_matches_already_is_let_in_and_that_is_ended():
    client = sign_in()
    sequence = make_live(EMAIL, workspace=client.workspace)
    make_audience(3, on=sequence.list)
    make_runs(sequence)

    asked = client.get(url("backfill", sequence)).content.decode()
    assert "About 3 people are confirmed" in asked
    assert not Backfill.objects.exists()
    assert not is_done(act(client, url("backfill", sequence), per_day=0))
    assert is_done(act(client, url("backfill", sequence), per_day=2))
    backfill.go_on()

    page = client.get(url("change", sequence)).content.decode()
    assert "Lets in 2 a day who match already: 1 so far" in page
    assert url("backfill", sequence) + '"' not in page
    running = act(client, url("backfill", sequence), per_day=2).content.decode()
    assert "A backfill of this sequence is running." in running
    assert is_done(act(client, url("cancel_backfill", sequence)))
    assert Backfill.objects.get().state == "cancelled"
    assert sequence.enrollments.count() == 2
    assert (
        "Nobody is being let in." in act(client, url("cancel_backfill", sequence)).content.decode()
    )


def test_resuming_asks_what_becomes_of_what_is_due_and_counts_it():
    client = sign_in()
    sequence = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace)
    hours = timedelta(hours=1)
    with clock.frozen(NOW):
        make_runs(sequence, 2)
        engine.advance()
        let_leave()
        engine.advance()
        lifecycle.pause_sequence(sequence, by=SYSTEM)
    due = Enrollment.objects.first().due_at

    with clock.frozen(due + 30 * hours):
        asked = client.get(url("resume", sequence))
        assert asked.context["form"].waiting()[:2] == (2, 2)
        ages = [(age, found.stale_runs) for age, found in asked.context["form"].by_age()]
        assert ages == [("1 hour", 2), ("6 hours", 2), ("1 day", 2)]
        assert "2 people are due to go on" in asked.content.decode()
        half = act(client, url("resume", sequence), overdue="skip").content.decode()
        assert "Say how old what is skipped is at least" in half
        sequence.refresh_from_db()
        assert sequence.state == "paused"
        assert is_done(act(client, url("resume", sequence), overdue="skip", stale_after=24))
        engine.advance()

    sequence.refresh_from_db()
    assert sequence.state == "live"
    assert Resumption.objects.get().stale_after == 24 * hours
    assert not Outbox.objects.exists()


def test_the_page_says_who_may_come_in_and_when_messages_leave():
    client = sign_in()
    plain = make_live(EMAIL, workspace=client.workspace)
    strict = make_playing(HELLO, workspace=client.workspace)
    edit.update(
        strict,
        entry_rule={"tag": "vip", "op": "has"},
        re_entry="cooldown",
        cooldown=3 * DAY,
        window={"opens": "09:00", "closes": "17:00", "weekdays": [1, 5]},
        by=SYSTEM,
    )

    assert client.get(url("change", plain)).context["terms"] == ["Nobody comes in twice."]
    assert client.get(url("change", strict)).context["terms"] == [
        "Who may come in: Tagged “VIP”.",
        "Who was inside may come again 3 days after it ended.",
        "Messages leave between 09:00 and 17:00, Monday, Friday, on their clock",
    ]


@pytest.mark.parametrize("page", ["simulate", "forecast", "why"])
def test_the_pages_of_another_workspace_are_not_there(page):
    client = sign_in()
    foreign = make_draft(EMAIL, workspace=WorkspaceFactory())

    assert client.get(url(page, foreign)).status_code == 404


@pytest.mark.parametrize(
    ("role", "seen"),
    [("Author", [200, 200, 403]), ("Analyst", [200, 200, 403]), ("Operator", [403, 403, 403])],
)
def test_the_pages_need_their_permissions(role, seen):
    client = sign_in(role=role)
    sequence = make_live(EMAIL, workspace=client.workspace)

    pages = [client.get(url(page, sequence)) for page in ("simulate", "forecast", "why")]

    assert [page.status_code for page in pages] == seen
    assert role == "Operator" or "person" not in pages[0].context["form"].fields
