from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from delivery.models import Source
from emailseq.lib import clock
from emailseq.lib.errors import Invalid, Stale, StateConflict
from sequences import program
from sequences.models import Enrollment, SequenceVersion
from sequences.program import EmailStep, Program, WaitStep
from sequences.schedule import Delay
from sequences.services import edit, lifecycle
from sequences.services.publish import publish
from sequences.tests.factories import (
    DAY,
    EMAIL,
    SequenceFactory,
    add_step,
    make_draft,
    make_live,
    make_runs,
)
from subscribers.models import Event, List
from templates_app.models import Template, TemplateVersion

pytestmark = pytest.mark.django_db


def test_publishing_freezes_the_steps_and_goes_live():
    draft = make_draft(EMAIL, timedelta(minutes=90), EMAIL)
    hello, rest, tips = draft.steps.all()

    version = publish(draft, by=SYSTEM)

    pinned = {each.template_id: each.pk for each in TemplateVersion.objects.all()}
    assert program.load(SequenceVersion.objects.get().program) == Program(
        (
            EmailStep(hello.key, pinned[hello.template_id]),
            WaitStep(rest.key, Delay(timedelta(minutes=90))),
            EmailStep(tips.key, pinned[tips.template_id]),
        )
    )
    draft.refresh_from_db()
    assert (draft.state, draft.live_version, version.number) == ("live", version, 1)
    source = Source.objects.get()
    assert (source.kind, source.source_id, source.held) == ("sequence", draft.pk, False)
    event = Event.objects.get(kind="sequence.published", source_id=draft.pk)
    assert (event.source_kind, event.subscriber_id, event.properties) == (
        "sequence",
        None,
        {"by": "system", "version": 1, "people": "stay"},
    )
    assert AuditEntry.objects.get(verb="sequence.published").changes == {
        "version": 1,
        "people": "stay",
    }


def test_people_inside_stay_on_their_version_and_new_ones_get_the_new_one():
    live = make_live(EMAIL, DAY, EMAIL)
    (inside,) = make_runs(live)
    edit.remove_step(live.steps.first(), by=SYSTEM)
    edit.remove_step(live.steps.first(), by=SYSTEM)

    second = publish(live, by=SYSTEM)
    (fresh,) = make_runs(live)

    assert second.number == 2
    assert [inside.version.number, fresh.version.number] == [1, 2]
    assert len(program.load(inside.version.program).steps) == 3
    assert len(program.load(fresh.version.program).steps) == 1


def test_a_paused_sequence_stays_paused():
    live = make_live(EMAIL)
    lifecycle.pause_sequence(live, by=SYSTEM)

    publish(live, by=SYSTEM)

    live.refresh_from_db()
    assert (live.state, live.live_version.number) == ("paused", 2)
    assert Source.objects.get().held


def test_a_template_used_twice_is_published_once():
    draft = make_draft(EMAIL)
    template = draft.steps.get().template
    edit.add_step(draft, kind=EMAIL, template=template, by=SYSTEM)

    publish(draft, by=SYSTEM)

    assert TemplateVersion.objects.get().template == template


def archive(model):
    model.objects.update(archived_at=clock.now())


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        pytest.param(
            lambda: SequenceFactory(),
            [("/steps", "required", "It sends nothing: add an email.")],
            id="nothing",
        ),
        pytest.param(
            lambda: make_draft(DAY),
            [("/steps", "required", "It sends nothing: add an email.")],
            id="no email",
        ),
        pytest.param(
            lambda: make_draft(EMAIL, DAY),
            [("/steps/1", "wait_at_end", "Step 2: nothing follows this wait")],
            id="a wait at the end",
        ),
    ],
)
def test_what_makes_no_sense_is_not_published(draft, expected):
    sequence = draft()

    with pytest.raises(Invalid) as refusal:
        publish(sequence, by=SYSTEM)

    assert [
        (error.pointer, error.code, error.detail[: len(detail)])
        for error, (*_, detail) in zip(refusal.value.errors, expected, strict=True)
    ] == expected
    sequence.refresh_from_db()
    assert (sequence.state, sequence.live_version) == ("draft", None)
    assert not TemplateVersion.objects.exists()


def test_what_is_archived_is_named():
    sequence = make_draft(EMAIL)
    archive(List)
    archive(Template)

    with pytest.raises(Invalid) as refusal:
        publish(sequence, by=SYSTEM)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == [
        ("/list", "archived"),
        ("/triggers/0", "archived"),
        ("/steps/0", "archived"),
    ]


def test_a_template_that_cannot_be_published_names_its_step():
    sequence = make_draft(EMAIL, DAY, EMAIL)
    broken = sequence.steps.last().template
    Template.objects.filter(pk=broken.pk).update(subject="Hello {{ subscriber.first_name")

    with pytest.raises(Invalid) as refusal:
        publish(sequence, by=SYSTEM)

    (error,) = refusal.value.errors
    assert error.pointer == "/steps/2"
    assert error.detail.startswith("Step 3: ")
    assert not TemplateVersion.objects.exists()
    assert not SequenceVersion.objects.exists()


def test_a_stale_or_archived_draft_is_not_published():
    sequence = make_draft(EMAIL)
    seen = sequence.revision
    add_step(sequence, EMAIL)

    with pytest.raises(Stale):
        publish(sequence, by=SYSTEM, expected_revision=seen)
    lifecycle.archive_sequence(sequence, by=SYSTEM)
    with pytest.raises(StateConflict):
        publish(sequence, by=SYSTEM)

    assert not SequenceVersion.objects.exists()
    assert not Enrollment.objects.exists()
