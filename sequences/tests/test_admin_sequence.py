from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from delivery.models import Source
from delivery.tests.factories import SenderFactory
from sequences.models import Enrollment, Sequence
from sequences.tests.factories import DAY, EMAIL, SequenceFactory, make_draft, make_live, make_runs
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


def url(verb: str, target) -> str:
    return reverse(f"admin:{target._meta.label_lower.replace('.', '_')}_{verb}", args=[target.pk])


def steps_of(sequence: Sequence) -> list[str]:
    return [str(step) for step in sequence.steps.all()]


def test_a_sequence_is_built_and_published_by_hand():
    client = sign_in()
    workspace = client.workspace
    sender, news = SenderFactory(workspace=workspace), ListFactory(workspace=workspace)
    hello = TemplateFactory(workspace=workspace, name="Hello")
    more = TemplateFactory(workspace=workspace, name="More")

    made = act(
        client,
        reverse("admin:sequences_sequence_create"),
        name="Welcome",
        sender=sender.pk,
        list=news.pk,
        re_entry="never",
    )
    sequence = Sequence.objects.get()
    assert made.headers["HX-Redirect"] == url("change", sequence)
    assert is_done(act(client, url("add_trigger", sequence), kind="list_joined", list=news.pk))
    assert is_done(act(client, url("add_email", sequence), template=hello.pk))
    assert is_done(act(client, url("add_wait", sequence), amount=36, unit="hours"))
    assert is_done(act(client, url("add_email", sequence), template=more.pk))
    page = client.get(url("change", sequence)).content.decode()
    assert f"Somebody joins {news}" in page
    assert "Wait 36 hours" in page

    assert is_done(act(client, url("publish", sequence)))

    sequence.refresh_from_db()
    assert (sequence.state, sequence.live_version.number) == ("live", 1)
    assert Source.objects.get(source_id=sequence.pk).held is False


def test_what_cannot_be_published_says_why():
    client = sign_in()
    sequence = SequenceFactory(workspace=client.workspace)

    answer = act(client, url("publish", sequence))

    assert 'role="alert"' in answer.content.decode()
    sequence.refresh_from_db()
    assert sequence.state == "draft"


def test_steps_move_change_and_go():
    client = sign_in()
    sequence = make_draft(EMAIL, DAY, EMAIL, workspace=client.workspace)
    first, wait, last = sequence.steps.all()
    names = steps_of(sequence)

    assert is_done(act(client, url("down", first)))
    assert steps_of(sequence) == [names[1], names[0], names[2]]
    assert is_done(act(client, url("up", last)))
    assert steps_of(sequence) == [names[1], names[2], names[0]]
    assert is_done(act(client, url("edit", wait), amount=90, unit="minutes"))
    shown = client.get(url("edit", wait)).content.decode()
    assert 'value="90"' in shown
    assert '<option value="minutes" selected>' in shown
    assert is_done(act(client, url("remove", last)))
    assert steps_of(sequence) == ["Wait 1:30:00", names[0]]


@pytest.mark.parametrize("amount", ["0", "-1", "x", "400000"])
def test_a_wait_must_be_one(amount):
    client = sign_in()
    sequence = SequenceFactory(workspace=client.workspace)

    answer = act(client, url("add_wait", sequence), amount=amount, unit="days")

    assert not is_done(answer)
    assert 'class="bo-error"' in answer.content.decode()
    assert not sequence.steps.exists()


def test_an_edit_under_somebody_elses_feet_is_refused():
    client = sign_in()
    sequence = make_draft(EMAIL, workspace=client.workspace)
    fields = {"name": "Mine", "sender": sequence.sender_id, "re_entry": "never"}
    old = sequence.revision

    assert is_done(act(client, url("edit", sequence), **fields, revision=old))
    answer = act(client, url("edit", sequence), **{**fields, "name": "Yours"}, revision=old)

    assert "Somebody else has changed" in answer.content.decode()
    sequence.refresh_from_db()
    assert sequence.name == "Mine"


def test_a_sequence_offers_what_its_state_allows():
    client = sign_in()
    sequence = make_live(EMAIL, workspace=client.workspace)

    def offered() -> set[str]:
        page = client.get(url("change", sequence)).content.decode()
        return {
            verb
            for verb in ("publish", "pause", "resume", "archive", "edit", "add_email")
            if f'href="{url(verb, sequence)}' in page
        }

    assert offered() == {"publish", "pause", "archive", "edit", "add_email"}
    assert is_done(act(client, url("pause", sequence)))
    assert Source.objects.get(source_id=sequence.pk).held is True
    assert offered() == {"publish", "resume", "archive", "edit", "add_email"}
    assert is_done(act(client, url("resume", sequence)))
    assert Source.objects.get(source_id=sequence.pk).held is False
    assert is_done(act(client, url("archive", sequence)))
    assert offered() == set()
    assert "Cannot pause while archived." in act(client, url("pause", sequence)).content.decode()


def test_the_page_counts_who_waits_where():
    client = sign_in()
    sequence = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace)
    runs = make_runs(sequence, 3)
    wait = sequence.steps.get(kind="wait")
    Enrollment.objects.filter(pk__in=[run.pk for run in runs[:2]]).update(position=wait.key)

    page = client.get(url("change", sequence))

    assert page.context["inside"] == 3
    assert [card.waiting for card in page.context["row"]] == [0, 2, 0]
    assert "2 people wait here" in page.content.decode()
    assert page.context["differs"] is False
    act(client, url("add_wait", sequence), amount=1, unit="days")
    assert "changes not published" in client.get(url("change", sequence)).content.decode()


def test_single_runs_pause_resume_and_end():
    client = sign_in()
    sequence = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace)
    one, other = make_runs(sequence, 2)
    runs = reverse("admin:sequences_enrollment_changelist")

    for verb, state in (("pause", "paused"), ("resume", "active"), ("exit", "exited")):
        assert is_done(act(client, url(verb, one)))
        one.refresh_from_db()
        assert one.state == state
    other.refresh_from_db()
    assert other.state == "active"
    listed = client.get(runs, {"sequence__id__exact": sequence.pk}).context["cl"].result_count
    elsewhere = client.get(runs, {"sequence__id__exact": sequence.pk + 1}).context["cl"]
    assert (listed, elsewhere.result_count) == (2, 0)


def test_a_person_is_sent_through_a_sequence_by_hand():
    client = sign_in()
    sequence = make_live(EMAIL, workspace=client.workspace)
    make_draft(EMAIL, workspace=client.workspace, name="Only a draft")
    [person] = make_audience(1, on=sequence.list)

    shown = client.get(url("enroll", person)).content.decode()
    assert sequence.name in shown
    assert "Only a draft" not in shown
    assert is_done(act(client, url("enroll", person), sequence=sequence.pk))
    assert is_done(act(client, url("enroll", person), sequence=sequence.pk))

    assert Enrollment.objects.get().subscriber == person
    page = client.get(url("change", person)).content.decode()
    assert f"{sequence} does not take this person (again)." in page
