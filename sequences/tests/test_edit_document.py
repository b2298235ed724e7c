"""A draft as one document: read, put back, undone, copied."""

from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from emailseq.lib import ids
from emailseq.lib.errors import Conflict, Invalid, Stale
from sequences import draft
from sequences.models import EarlierDraft, Sequence, Step
from sequences.services import edit
from sequences.tests.factories import DAY, EMAIL, SequenceFactory, add_step, joining, make_draft
from subscribers.models import Tag
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def sequence():
    made = SequenceFactory(slug="welcome")
    TemplateFactory(workspace=made.workspace, slug="hello")
    Tag.objects.create(workspace=made.workspace, name="VIP", slug="vip")
    return made


def put(sequence, *steps, **options):
    return edit.put_draft(sequence, document={"steps": [*steps]}, by=SYSTEM, **options)


def keys(sequence):
    return [node.step.key for node in draft.walk(draft.read(sequence))]


EMAIL_STEP = {"kind": "email", "template": "hello"}
WAIT_STEP = {"kind": "wait", "delay": "P1D"}
BRANCH = {
    "kind": "branch",
    "key": "vips",
    "arms": [
        {
            "key": "vip",
            "name": "VIPs",
            "when": {"rule": {"tag": "vip", "op": "has"}},
            "steps": [{**EMAIL_STEP, "key": "vip-mail"}, WAIT_STEP],
        },
        {"key": "else", "steps": [{"kind": "exit", "reason": "not one"}]},
    ],
}


def test_a_document_becomes_rows_and_comes_back(sequence):
    assert put(sequence, EMAIL_STEP, BRANCH, {**EMAIL_STEP, "key": "bye", "thread": "vip-mail"})

    document = draft.written(sequence)
    template = sequence.steps.filter(kind="email").first().template.public_id
    first, _, _, wait, out, _ = keys(sequence)
    assert document == {
        "steps": [
            {"key": first, "kind": "email", "template": template},
            {
                "key": "vips",
                "kind": "branch",
                "arms": [
                    {
                        "key": "vip",
                        "name": "VIPs",
                        "when": {"rule": {"tag": Tag.objects.get().public_id, "op": "has"}},
                        "steps": [
                            {"key": "vip-mail", "kind": "email", "template": template},
                            {"key": wait, "kind": "wait", "delay": "P1D"},
                        ],
                    },
                    {
                        "key": "else",
                        "name": "",
                        "steps": [{"key": out, "kind": "exit", "reason": "not one"}],
                    },
                ],
            },
            {"key": "bye", "kind": "email", "template": template, "thread": "vip-mail"},
        ]
    }
    other = SequenceFactory(workspace=sequence.workspace)
    edit.put_draft(other, document=document, by=SYSTEM)
    assert draft.written(other) == document


def test_the_same_document_again_changes_nothing(sequence):
    steps = (EMAIL_STEP, BRANCH, WAIT_STEP)
    put(sequence, *steps)
    before, rows = draft.written(sequence), [*Step.objects.order_by("pk").values()]
    sequence.refresh_from_db()
    revision, kept = sequence.revision, EarlierDraft.objects.count()

    assert not put(sequence, *steps)
    assert not edit.put_draft(sequence, document=before, by=SYSTEM)

    assert draft.written(sequence) == before
    assert [*Step.objects.order_by("pk").values()] == rows
    sequence.refresh_from_db()
    assert (sequence.revision, EarlierDraft.objects.count()) == (revision, kept)


def test_steps_keep_the_keys_that_are_given_wherever_they_go(sequence):
    put(sequence, EMAIL_STEP, BRANCH)
    first, _, mail, wait, out = keys(sequence)
    rows = dict(sequence.steps.values_list("key", "pk"))

    put(
        sequence,
        {**WAIT_STEP, "key": wait},
        {
            "kind": "split",
            "key": "new",
            "arms": [{"key": "a", "steps": [{**EMAIL_STEP, "key": mail}]}],
        },
        {**EMAIL_STEP, "key": first},
    )

    assert keys(sequence) == [wait, "new", mail, first]
    assert out not in rows.keys() & set(keys(sequence))
    for key in (wait, mail, first):
        assert sequence.steps.get(key=key).pk == rows[key]


def test_a_step_without_a_key_keeps_that_of_its_kind_at_its_place(sequence):
    put(sequence, EMAIL_STEP, WAIT_STEP, EMAIL_STEP)
    first, wait, last = keys(sequence)

    put(sequence, EMAIL_STEP, {"kind": "exit"}, {**EMAIL_STEP, "key": first})
    fresh, out, third = keys(sequence)

    assert third == first
    assert {fresh, out}.isdisjoint({first, wait, last})
    assert ids.decode("stp", fresh)


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ([], [("", "invalid")]),
        ({}, [("/steps", "required")]),
        ({"steps": {}}, [("/steps", "invalid")]),
        ({"steps": ["x"]}, [("/steps/0", "invalid")]),
        ({"steps": [{}]}, [("/steps/0/kind", "required")]),
        ({"steps": [{"kind": "sms"}]}, [("/steps/0/kind", "invalid")]),
        ({"steps": [], "step": []}, [("/step", "unknown_field")]),
        (
            {"steps": [{**EMAIL_STEP, "template": "x"}, {**WAIT_STEP, "delay": "x"}]},
            [("/steps/0/template", "not_found"), ("/steps/1/delay", "invalid")],
        ),
        (
            {"steps": [{**WAIT_STEP, "key": "a"}, {**WAIT_STEP, "key": "a"}]},
            [("/steps/1/key", "duplicate")],
        ),
        (
            {"steps": [{**BRANCH, "arms": [{"steps": [{"kind": "wait"}]}]}]},
            [("/steps/0/arms/0/steps/0/delay", "required")],
        ),
        (
            {"steps": [{"kind": "wait", "key": "mail", "delay": "P1D"}]},
            [("/steps/0/kind", "invalid")],
        ),
        ({"steps": [WAIT_STEP] * 501}, [("/steps", "too_long")]),
    ],
)
def test_a_document_that_makes_no_draft_changes_nothing(sequence, document, faults):
    put(sequence, {**EMAIL_STEP, "key": "mail"})
    before = draft.written(sequence)

    with pytest.raises(Invalid) as refusal:
        edit.put_draft(sequence, document=document, by=SYSTEM)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == faults
    assert draft.written(sequence) == before


def test_a_document_nests_at_most_ten_deep(sequence):
    document = WAIT_STEP
    for _ in range(10):
        document = {"kind": "split", "arms": [{"steps": [document]}]}

    with pytest.raises(Invalid, match="10 deep"):
        put(sequence, document)


def test_a_stale_document_is_refused(sequence):
    put(sequence, EMAIL_STEP)

    with pytest.raises(Stale):
        put(sequence, WAIT_STEP, expected_revision=1)
    assert [step.kind for step in sequence.steps.all()] == ["email"]


def test_edits_are_undone_one_by_one(sequence):
    add_step(sequence, EMAIL)
    wait = add_step(sequence, DAY)
    built = draft.written(sequence)
    edit.move_step(wait, to=1, by=SYSTEM)
    edit.remove_step(wait, by=SYSTEM)
    put(sequence)

    assert edit.undo(sequence, by=SYSTEM) == "draft.replaced"
    assert edit.undo(sequence, by=SYSTEM) == "step.removed"
    assert [step.kind for step in sequence.steps.all()] == ["wait", "email"]
    assert edit.undo(sequence, by=SYSTEM) == "step.moved"
    assert draft.written(sequence) == built
    edit.undo(sequence, by=SYSTEM)
    edit.undo(sequence, by=SYSTEM)
    assert draft.written(sequence) == {"steps": []}
    with pytest.raises(Conflict, match="nothing to undo"):
        edit.undo(sequence, by=SYSTEM)


def test_twenty_edits_can_be_undone(sequence):
    for _ in range(25):
        add_step(sequence, DAY)

    for _ in range(20):
        edit.undo(sequence, by=SYSTEM)

    assert sequence.steps.count() == 5
    with pytest.raises(Conflict):
        edit.undo(sequence, by=SYSTEM)


def test_a_step_is_duplicated_with_all_it_holds(sequence):
    put(
        sequence,
        {**EMAIL_STEP, "key": "first"},
        {
            "kind": "wait_until",
            "key": "opens",
            "timeout": "P1D",
            "arms": [
                {
                    "key": "yes",
                    "when": {"opened": "first"},
                    "steps": [
                        {**EMAIL_STEP, "key": "inner"},
                        {**EMAIL_STEP, "key": "more", "thread": "inner"},
                    ],
                },
                {"key": "read", "when": {"opened": "inner"}},
            ],
        },
        {"kind": "exit", "key": "end"},
    )

    copy = edit.duplicate_step(sequence.steps.get(key="opens"), by=SYSTEM)

    first, _, inner, more, copied, new_inner, new_more, end = keys(sequence)
    assert (first, inner, more, copied, end) == ("first", "inner", "more", copy.key, "end")
    made = draft.written(sequence)["steps"][2]
    assert made["timeout"] == "P1D"
    assert made["arms"][0]["when"] == {"opened": "first"}
    assert made["arms"][0]["steps"][1]["thread"] == new_inner
    assert made["arms"][1]["when"] == {"opened": new_inner}
    assert len({*keys(sequence)}) == 8
    assert new_more not in ("inner", "more")


def test_a_sequence_is_duplicated_and_what_names_itself_names_the_copy(sequence):
    me = sequence.public_id
    opened = {"message": "opened", "of": {"sequence": "welcome", "step": "first"}}
    never = {"none": [{"enrollment": "started", "of": "welcome"}]}
    edit.update(
        sequence,
        entry_rule=never,
        re_entry="cooldown",
        cooldown="P30D",
        window={"opens": "09:00", "closes": "17:00"},
        priority=7,
        holdout_percent=10,
        by=SYSTEM,
    )
    edit.set_triggers(sequence, triggers=[joining(sequence.list)], by=SYSTEM)
    edit.set_endings(sequence, goals=[{"name": "Opened", "when": {"opened": "first"}}], by=SYSTEM)
    put(
        sequence,
        {**EMAIL_STEP, "key": "first"},
        {
            "kind": "branch",
            "arms": [{"when": {"rule": {"any": [opened, {"tag": "vip", "op": "has"}]}}}],
        },
    )

    copy = edit.duplicate_sequence(sequence, name="Again", slug="again", by=SYSTEM)

    copy = Sequence.objects.get(pk=copy.pk)
    assert (copy.state, copy.live_version, copy.name, copy.slug) == (
        "draft",
        None,
        "Again",
        "again",
    )
    assert (copy.list, copy.sender, copy.priority) == (sequence.list, sequence.sender, 7)
    assert (copy.re_entry, copy.cooldown.days, copy.holdout_percent) == ("cooldown", 30, 10)
    assert copy.window == sequence.window
    assert copy.entry_rule == {"none": [{"enrollment": "started", "of": copy.public_id}]}
    assert copy.triggers.get().list == sequence.list
    first, branch = draft.written(copy)["steps"]
    assert {first["key"], branch["key"]}.isdisjoint(keys(sequence))
    assert copy.endings.get().when == {"opened": first["key"]}
    [message, tag] = branch["arms"][0]["when"]["rule"]["any"]
    assert message["of"] == {"sequence": copy.public_id, "step": first["key"]}
    assert tag == {"tag": Tag.objects.get().public_id, "op": "has"}
    sequence.refresh_from_db()
    assert sequence.entry_rule["none"][0]["of"] == me
    assert draft.written(sequence)["steps"][0]["key"] == "first"


def test_a_duplicate_takes_no_taken_slug():
    sequence = make_draft(EMAIL, slug="welcome")

    with pytest.raises(Conflict, match="welcome"):
        edit.duplicate_sequence(sequence, name="Again", slug="welcome", by=SYSTEM)
    assert Sequence.objects.count() == 1
