from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from delivery.models import Source
from delivery.tests.factories import SenderFactory
from emailseq.lib.errors import Conflict, InUse, Invalid, Stale, StateConflict
from sequences.models import Sequence, Step, Trigger
from sequences.services import edit, lifecycle
from sequences.tests.factories import (
    DAY,
    EMAIL,
    SequenceFactory,
    add_step,
    joining,
    make_draft,
    make_live,
)
from subscribers.tests.factories import ListFactory
from templates_app import services as templates
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


def steps_of(sequence):
    return [*sequence.steps.values_list("key", flat=True)]


def test_a_new_sequence_is_an_empty_draft():
    sender, news = SenderFactory(), ListFactory()
    sender.workspace = news.workspace
    sender.save()

    made = edit.create_sequence(
        news.workspace, name="Welcome", slug="welcome", sender=sender, list=news, by=SYSTEM
    )

    made.refresh_from_db()
    assert (made.state, made.revision, made.list, made.re_entry) == ("draft", 1, news, "never")
    assert made.live_version is None
    assert not made.steps.exists()
    assert not made.triggers.exists()
    assert AuditEntry.objects.get(verb="sequence.created").object_label == "Welcome"


def test_a_taken_slug_is_a_conflict_and_changes_nothing():
    first, second = SequenceFactory(slug="welcome"), SequenceFactory()
    Sequence.objects.filter(pk=second.pk).update(workspace=first.workspace)
    sender = SenderFactory(workspace=first.workspace)

    with pytest.raises(Conflict, match="“welcome”"):
        edit.create_sequence(
            first.workspace, name="Again", slug="welcome", sender=sender, by=SYSTEM
        )
    with pytest.raises(Conflict):
        edit.update(second, slug="welcome", by=SYSTEM)

    second.refresh_from_db()
    assert (second.slug != "welcome", second.revision) == (True, 1)
    assert Sequence.objects.count() == 2


def test_steps_stand_in_the_order_they_are_put_in():
    sequence = SequenceFactory()
    hello = add_step(sequence, EMAIL)
    tips = add_step(sequence, EMAIL)
    rest = add_step(sequence, DAY, to=2)

    assert steps_of(sequence) == [hello.key, rest.key, tips.key]
    edit.move_step(tips, to=1, by=SYSTEM)
    assert steps_of(sequence) == [tips.key, hello.key, rest.key]
    edit.move_step(tips, to=99, by=SYSTEM)
    assert steps_of(sequence) == [hello.key, rest.key, tips.key]
    edit.remove_step(hello, by=SYSTEM)
    assert steps_of(sequence) == [rest.key, tips.key]
    assert [*sequence.steps.values_list("position", flat=True)] == [1, 2]
    sequence.refresh_from_db()
    assert sequence.revision == 7
    assert AuditEntry.objects.get(verb="step.moved", changes__number=1).object_id == sequence.pk


def test_a_step_keeps_its_key_when_its_settings_change():
    sequence = SequenceFactory()
    hello, rest = add_step(sequence, EMAIL), add_step(sequence, DAY)
    other = TemplateFactory(workspace=sequence.workspace)
    keys = steps_of(sequence)

    edit.update_step(hello, template=other, by=SYSTEM)
    edit.update_step(rest, delay=timedelta(minutes=5), by=SYSTEM)

    assert steps_of(sequence) == keys
    assert sequence.steps.get(key=hello.key).template == other
    assert sequence.steps.get(key=rest.key).delay == timedelta(minutes=5)


EDITS = {
    "update": lambda draft, step, **options: edit.update(draft, name="New", **options),
    "set_triggers": lambda draft, step, **options: edit.set_triggers(draft, triggers=[], **options),
    "add_step": lambda draft, step, **options: edit.add_step(
        draft, kind="wait", delay=DAY, **options
    ),
    "update_step": lambda draft, step, **options: edit.update_step(step, delay=2 * DAY, **options),
    "move_step": lambda draft, step, **options: edit.move_step(step, to=1, **options),
    "remove_step": lambda draft, step, **options: edit.remove_step(step, **options),
}


@pytest.mark.parametrize("verb", EDITS)
def test_an_edit_counts_up_the_revision_and_refuses_a_stale_one(verb):
    draft = make_draft(EMAIL, DAY)
    step = draft.steps.last()
    seen = draft.revision
    triggers = Trigger.objects
    before = [*Step.objects.values(), *triggers.values()]

    with pytest.raises(Stale, match="Somebody else"):
        EDITS[verb](draft, step, by=SYSTEM, expected_revision=seen - 1)
    assert [*Step.objects.values(), *triggers.values()] == before

    EDITS[verb](draft, step, by=SYSTEM, expected_revision=seen)
    draft.refresh_from_db()
    assert draft.revision == seen + 1
    assert AuditEntry.objects.filter(object_kind="sequence", object_id=draft.pk).count() == 4


@pytest.mark.parametrize("verb", EDITS)
def test_an_archived_sequence_cannot_be_edited(verb):
    draft = make_draft(EMAIL, DAY)
    lifecycle.archive_sequence(draft, by=SYSTEM)

    with pytest.raises(StateConflict):
        EDITS[verb](draft, draft.steps.last(), by=SYSTEM)


def test_a_step_that_somebody_else_removed_is_stale():
    step = make_draft(EMAIL, DAY).steps.last()
    edit.remove_step(Step.objects.get(pk=step.pk), by=SYSTEM)

    with pytest.raises(Stale, match="removed"):
        edit.move_step(step, to=1, by=SYSTEM)


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"kind": "email"}, "/template"),
        ({"kind": "email", "template": "ours", "delay": DAY}, "/delay"),
        ({"kind": "email", "template": "theirs"}, "/template"),
        ({"kind": "wait"}, "/delay"),
        ({"kind": "wait", "delay": timedelta(0)}, "/delay"),
        ({"kind": "wait", "delay": -DAY}, "/delay"),
        ({"kind": "wait", "delay": 1001 * DAY}, "/delay"),
        ({"kind": "wait", "delay": DAY, "template": "ours"}, "/template"),
        ({"kind": "dance"}, "/kind"),
    ],
)
def test_settings_that_make_no_step_are_refused(settings, pointer):
    sequence = SequenceFactory()
    if "template" in settings:
        theirs = TemplateFactory()
        ours = TemplateFactory(workspace=sequence.workspace)
        settings = {**settings, "template": ours if settings["template"] == "ours" else theirs}

    with pytest.raises(Invalid) as refusal:
        edit.add_step(sequence, by=SYSTEM, **settings)

    assert [error.pointer for error in refusal.value.errors] == [pointer]
    assert not sequence.steps.exists()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        (lambda: {"list": ListFactory()}, "/list"),
        (lambda: {"sender": SenderFactory()}, "/sender"),
        (lambda: {"re_entry": "sometimes"}, "/re_entry"),
        (lambda: {"name": "a\0b"}, "/name"),
    ],
    ids=["list", "sender", "re_entry", "name"],
)
def test_settings_that_are_not_ours_or_no_settings_are_refused(changes, pointer):
    sequence = SequenceFactory()

    with pytest.raises(Invalid) as refusal:
        edit.update(sequence, by=SYSTEM, **changes())

    assert [error.pointer for error in refusal.value.errors] == [pointer]


def test_what_is_no_setting_cannot_be_set():
    sequence = SequenceFactory()

    with pytest.raises(TypeError, match="state"):
        edit.update(sequence, state="live", by=SYSTEM)


def test_triggers_are_replaced_as_a_whole():
    sequence = SequenceFactory()
    news = ListFactory(workspace=sequence.workspace)

    edit.set_triggers(sequence, triggers=[joining(sequence.list)], by=SYSTEM)
    edit.set_triggers(sequence, triggers=[joining(news)], by=SYSTEM)

    assert sequence.triggers.get().list == news
    with pytest.raises(Invalid):
        edit.set_triggers(sequence, triggers=[joining(ListFactory())], by=SYSTEM)
    assert sequence.triggers.get().list == news


def test_a_new_name_reaches_delivery_once_there_is_something_to_deliver():
    draft, live = make_draft(EMAIL), make_live(EMAIL)

    edit.update(draft, name="Draft", by=SYSTEM)
    edit.update(live, name="Live", by=SYSTEM)

    assert Source.objects.get().name == "Live"


def test_a_template_that_a_draft_sends_is_not_put_away():
    draft = make_draft(EMAIL, name="Welcome")
    first, other = draft.steps.get().template, TemplateFactory(workspace=draft.workspace)
    edit.update_step(draft.steps.get(), variants=[{"template": other}], by=SYSTEM)

    for template in (first, other):
        with pytest.raises(InUse, match="still used by “Welcome”"):
            templates.archive(template, by=SYSTEM)
    lifecycle.archive_sequence(draft, by=SYSTEM)

    assert templates.archive(first, by=SYSTEM)
    assert templates.archive(other, by=SYSTEM)
