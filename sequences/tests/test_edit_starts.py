"""What starts runs, who may enter, and what ends runs early: as given, as stored, as refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from sequences import draft
from sequences.models import Enrollment, Sequence
from sequences.services import edit, lifecycle
from sequences.services.enroll import enroll
from sequences.tests.factories import DAY, EMAIL, SequenceFactory, make_live, make_runs
from subscribers.models import List, Segment, Tag
from subscribers.services import create_field
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def sequence():
    made = SequenceFactory(slug="welcome")
    create_field(made.workspace, key="birthday", label="Birthday", kind="date", by=SYSTEM)
    create_field(made.workspace, key="plan", label="Plan", kind="text", by=SYSTEM)
    Tag.objects.create(workspace=made.workspace, name="VIP", slug="vip")
    Segment.objects.create(workspace=made.workspace, name="Pros", slug="pros", rule={})
    ListFactory(workspace=made.workspace, slug="news")
    return made


def triggers_of(sequence):
    return [draft.trigger_document(each) for each in sequence.triggers.all()]


def refused(verb, *args, **options):
    with pytest.raises(Invalid) as refusal:
        verb(*args, by=SYSTEM, **options)
    return [(error.pointer, error.code) for error in refusal.value.errors]


def test_every_kind_of_trigger_is_kept_as_it_is_given(sequence):
    news, vip, pros = List.objects.get(slug="news"), Tag.objects.get(), Segment.objects.get()
    where = [{"property": "total", "op": "gte", "value": 100}]

    edit.set_triggers(
        sequence,
        triggers=[
            {"kind": "list_joined", "list": "news"},
            {"kind": "tag_added", "tag": vip.public_id},
            {"kind": "segment_entered", "segment": "pros"},
            {"kind": "event", "event": "cart_updated", "where": where},
            {"kind": "event", "event": "signed_up"},
            {"kind": "field_changed", "field": "plan"},
            {"kind": "field_changed", "field": "plan", "to": "pro"},
            {"kind": "date", "field": "birthday", "time": "09:00", "yearly": True},
        ],
        by=SYSTEM,
    )

    assert triggers_of(sequence) == [
        {"kind": "list_joined", "list": news.public_id},
        {"kind": "tag_added", "tag": vip.public_id},
        {"kind": "segment_entered", "segment": pros.public_id},
        {"kind": "event", "event": "cart_updated", "where": where},
        {"kind": "event", "event": "signed_up"},
        {"kind": "field_changed", "field": "plan"},
        {"kind": "field_changed", "field": "plan", "to": "pro"},
        {
            "kind": "date",
            "field": "birthday",
            "offset_days": 0,
            "time": "09:00",
            "yearly": True,
        },
    ]


@pytest.mark.parametrize(
    ("trigger", "fault"),
    [
        ("x", ("/triggers/0", "invalid")),
        ({}, ("/triggers/0/kind", "required")),
        ({"kind": "full_moon"}, ("/triggers/0/kind", "invalid")),
        ({"kind": "list_joined"}, ("/triggers/0/list", "required")),
        ({"kind": "list_joined", "list": "mews"}, ("/triggers/0/list", "not_found")),
        ({"kind": "list_joined", "list": "news", "x": 1}, ("/triggers/0/x", "unknown_field")),
        ({"kind": "segment_entered", "segment": "x"}, ("/triggers/0/segment", "not_found")),
        ({"kind": "event", "event": ""}, ("/triggers/0/event", "invalid")),
        (
            {"kind": "event", "event": "x", "where": [{"property": "a", "op": "is", "entry": "a"}]},
            ("/triggers/0/where/0/value", "required"),
        ),
        ({"kind": "field_changed", "field": "x"}, ("/triggers/0/field", "not_found")),
        ({"kind": "field_changed", "field": "plan", "to": []}, ("/triggers/0/to", "invalid")),
        ({"kind": "date", "time": "09:00"}, ("/triggers/0/field", "required")),
        ({"kind": "date", "field": "x", "time": "09:00"}, ("/triggers/0/field", "not_found")),
        ({"kind": "date", "field": "birthday"}, ("/triggers/0/time", "required")),
    ],
)
def test_a_trigger_that_cannot_be_changes_nothing(sequence, trigger, fault):
    edit.set_triggers(sequence, triggers=[{"kind": "list_joined", "list": "news"}], by=SYSTEM)

    found = refused(edit.set_triggers, sequence, triggers=[trigger])

    assert fault in found
    assert [each["kind"] for each in triggers_of(sequence)] == ["list_joined"]


def test_goals_and_exits_are_kept_as_they_are_given(sequence):
    goals = [{"name": "Bought", "when": {"event": "order_placed"}}]
    exits = [
        {"name": "Replied", "when": {"reply": True}},
        {"name": "Lost", "when": {"rule": {"list": "news", "op": "unsubscribed"}}},
    ]

    edit.set_endings(sequence, goals=goals, exits=exits, by=SYSTEM)

    kept = [(each.kind, draft.ending_document(each)) for each in sequence.endings.all()]
    list_id = List.objects.get(slug="news").public_id
    assert kept == [
        ("goal", goals[0]),
        ("exit", exits[0]),
        (
            "exit",
            {"name": "Lost", "when": {"rule": {"list": list_id, "op": "unsubscribed"}}},
        ),
    ]
    edit.set_endings(sequence, exits=exits[:1], by=SYSTEM)
    assert [each.name for each in sequence.endings.all()] == ["Replied"]


@pytest.mark.parametrize(
    ("ending", "fault"),
    [
        ({"when": {"reply": True}}, ("/goals/0/name", "required")),
        ({"name": " ", "when": {"reply": True}}, ("/goals/0/name", "required")),
        ({"name": "x" * 101, "when": {"reply": True}}, ("/goals/0/name", "too_long")),
        ({"name": "x"}, ("/goals/0/when", "required")),
        ({"name": "x", "when": {}}, ("/goals/0/when", "required")),
        ({"name": "x", "when": {"rule": {"any": []}}}, ("/goals/0/when/rule/any", "invalid")),
        (
            {"name": "x", "when": {"rule": {"tag": "vipp", "op": "has"}}},
            ("/goals/0/when/rule/tag", "not_found"),
        ),
        ({"name": "Kept", "when": {"reply": True}}, ("/goals", "duplicate")),
    ],
)
def test_an_ending_that_cannot_be_changes_nothing(sequence, ending, fault):
    kept = {"name": "kept", "when": {"reply": True}}
    edit.set_endings(sequence, exits=[kept], by=SYSTEM)

    assert refused(edit.set_endings, sequence, goals=[ending], exits=[kept]) == [fault]
    assert [each.name for each in sequence.endings.all()] == ["kept"]


def test_settings_are_kept_as_they_are_given(sequence):
    edit.update(
        sequence,
        entry_rule={"tag": "vip", "op": "has_not"},
        re_entry="cooldown",
        cooldown="P30D",
        window={"opens": "22:00", "closes": "06:00", "weekdays": [7, 6], "zone": "workspace"},
        priority=9,
        holdout_percent=50,
        message_class="transactional",
        cap_policy="skip",
        by=SYSTEM,
    )

    kept = Sequence.objects.get(pk=sequence.pk)
    assert kept.entry_rule == {"tag": Tag.objects.get().public_id, "op": "has_not"}
    assert (kept.re_entry, kept.cooldown) == ("cooldown", timedelta(days=30))
    assert kept.window == {
        "opens": "22:00",
        "closes": "06:00",
        "weekdays": [6, 7],
        "zone": "workspace",
    }
    assert (kept.priority, kept.holdout_percent) == (9, 50)
    assert (kept.message_class, kept.cap_policy) == ("transactional", "skip")
    edit.update(kept, re_entry="always", entry_rule=None, window=None, by=SYSTEM)
    kept.refresh_from_db()
    assert (kept.cooldown, kept.entry_rule, kept.window) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"re_entry": "sometimes"}, ("/re_entry", "invalid")),
        ({"re_entry": "cooldown"}, ("/cooldown", "required")),
        ({"cooldown": "P1D"}, ("/cooldown", "invalid")),
        ({"re_entry": "cooldown", "cooldown": timedelta(0)}, ("/cooldown", "out_of_range")),
        ({"priority": 0}, ("/priority", "out_of_range")),
        ({"priority": True}, ("/priority", "out_of_range")),
        ({"holdout_percent": 91}, ("/holdout_percent", "out_of_range")),
        ({"message_class": "spam"}, ("/message_class", "invalid")),
        ({"cap_policy": "none"}, ("/cap_policy", "invalid")),
        ({"entry_rule": {}}, ("/entry_rule", "required")),
        ({"entry_rule": {"field": "x", "op": "exists"}}, ("/entry_rule/field", "not_found")),
        ({"window": {"opens": "09:00"}}, ("/window/closes", "required")),
        (
            {"window": {"opens": "9", "closes": "17:00"}},
            ("/window/opens", "invalid"),
        ),
        (
            {"window": {"opens": "09:00", "closes": "17:00", "weekdays": []}},
            ("/window/weekdays", "invalid"),
        ),
        (
            {"window": {"opens": "09:00", "closes": "17:00", "zone": "Mars"}},
            ("/window/zone", "invalid"),
        ),
    ],
)
def test_settings_that_are_none_change_nothing(sequence, changes, fault):
    before = Sequence.objects.values().get(pk=sequence.pk)

    assert refused(edit.update, sequence, **changes) == [fault]
    assert Sequence.objects.values().get(pk=sequence.pk) == before


def test_whoever_has_been_comes_again_when_the_cooldown_is_over():
    sequence = make_live(EMAIL, DAY, EMAIL)
    edit.update(sequence, re_entry="cooldown", cooldown="P30D", by=SYSTEM)
    [run] = make_runs(sequence)
    start = clock.now()

    def enters(after: timedelta) -> int:
        with clock.frozen(start + after):
            try:
                return enroll(sequence, [run.subscriber_id], by=SYSTEM)
            finally:
                sequence.refresh_from_db()

    assert enters(40 * DAY) == 0  # still inside
    with clock.frozen(start + DAY):
        lifecycle.exit(Enrollment.objects.filter(pk=run.pk), by=SYSTEM)
    assert enters(30 * DAY) == 0
    assert enters(31 * DAY) == 1
    assert [each.run for each in Enrollment.objects.order_by("pk")] == [1, 2]
