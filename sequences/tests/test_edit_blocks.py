"""Steps in the arms of other steps: put in, moved about, taken out with all they hold."""

from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from emailseq.lib.errors import Invalid, Stale
from sequences import draft
from sequences.models import Step
from sequences.services import edit
from sequences.tests.factories import DAY, EMAIL, SequenceFactory, add_step, make_draft

pytestmark = pytest.mark.django_db


def outline(sequence):
    """The tree as text: kind, and in parentheses the arms."""

    def row(nodes):
        return " ".join(one(node) for node in nodes)

    def one(node):
        arms = " | ".join(f"{arm.key}: {row(arm.nodes)}".strip() for arm in node.arms)
        return f"{node.step.kind}({arms})" if node.arms else node.step.kind

    return row(draft.read(sequence))


def add_branch(sequence, *arms, **place):
    arms = [{"key": key} for key in arms]
    return edit.add_step(sequence, kind="branch", arms=arms, by=SYSTEM, **place)


@pytest.fixture
def sequence():
    return SequenceFactory()


def test_steps_stand_in_arms_in_the_order_they_are_put_in(sequence):
    branch = add_branch(sequence, "a", "b")
    add_step(sequence, EMAIL)
    add_step(sequence, DAY, parent=branch, arm="a")
    add_step(sequence, EMAIL, parent=branch, arm="a", to=1)
    inner = add_branch(sequence, "x", parent=branch, arm="else")
    add_step(sequence, DAY, parent=inner, arm="x")

    assert outline(sequence) == "branch(a: email wait | b: | else: branch(x: wait | else:)) email"
    nodes = [*draft.walk(draft.read(sequence))]
    assert [node.label for node in nodes] == [
        "1",
        "1 › a › 1",
        "1 › a › 2",
        "1 › else › 1",
        "1 › else › 1 › x › 1",
        "2",
    ]
    assert nodes[4].pointer == "/steps/0/arms/2/steps/0/arms/0/steps/0"


def test_a_step_with_steps_in_its_arms_is_added_at_once(sequence):
    steps = [{"kind": "wait", "delay": "P1D"}, {"kind": "exit"}]
    edit.add_step(
        sequence, kind="split", arms=[{"key": "a", "steps": steps}, {"key": "b"}], by=SYSTEM
    )

    assert outline(sequence) == "split(a: wait exit | b:)"


def test_a_step_moves_into_an_arm_and_out_of_it(sequence):
    add_step(sequence, EMAIL)
    wait = add_step(sequence, DAY)
    branch = add_branch(sequence, "a")
    add_step(sequence, EMAIL, parent=branch, arm="a")

    edit.move_step(wait, to=1, parent=branch, arm="a", by=SYSTEM)
    assert outline(sequence) == "email branch(a: wait email | else:)"
    edit.move_step(wait, to=9, by=SYSTEM)
    assert outline(sequence) == "email branch(a: email wait | else:)"
    edit.move_step(wait, to=1, arm="", by=SYSTEM)
    assert outline(sequence) == "wait email branch(a: email | else:)"
    edit.move_step(branch, to=1, by=SYSTEM)
    assert outline(sequence) == "branch(a: email | else:) wait email"
    assert [*sequence.steps.filter(parent=None).values_list("position", flat=True)] == [1, 2, 3]


def test_a_step_cannot_stand_in_an_arm_of_its_own(sequence):
    branch = add_branch(sequence, "a")
    inner = add_branch(sequence, "x", parent=branch, arm="a")

    for target, arm in ((branch, "a"), (inner, "x")):
        with pytest.raises(Invalid, match="of its own"):
            edit.move_step(branch, to=1, parent=target, arm=arm, by=SYSTEM)
    assert outline(sequence) == "branch(a: branch(x: | else:) | else:)"


def test_a_place_that_is_none_is_refused(sequence):
    branch, email = add_branch(sequence, "a"), add_step(sequence, EMAIL)
    theirs = add_branch(SequenceFactory(workspace=sequence.workspace), "a")

    for place, pointer in (
        ({"parent": branch, "arm": "b"}, "/arm"),
        ({"parent": branch}, "/arm"),
        ({"parent": email, "arm": "a"}, "/arm"),
        ({"parent": theirs, "arm": "a"}, "/parent"),
        ({"arm": "a"}, "/arm"),
    ):
        with pytest.raises(Invalid) as refusal:
            add_step(sequence, DAY, **place)
        assert [error.pointer for error in refusal.value.errors] == [pointer]
    assert outline(sequence) == "branch(a: | else:) email"


def test_arms_stand_at_most_ten_deep(sequence):
    parent = None
    for _ in range(10):
        place = {"parent": parent, "arm": "a"} if parent else {}
        parent = add_branch(sequence, "a", **place)

    with pytest.raises(Invalid, match="10 deep"):
        add_step(sequence, DAY, parent=parent, arm="a")
    tall = add_branch(sequence, "a")
    low = add_branch(sequence, "a", parent=tall, arm="a")
    ninth = parent.parent
    with pytest.raises(Invalid, match="10 deep"):
        edit.move_step(tall, to=1, parent=ninth, arm="else", by=SYSTEM)
    edit.move_step(low, to=1, parent=ninth, arm="else", by=SYSTEM)


def test_a_block_goes_with_all_it_holds(sequence):
    branch = add_branch(sequence, "a")
    inner = add_branch(sequence, "x", parent=branch, arm="a")
    add_step(sequence, DAY, parent=inner, arm="x")
    add_step(sequence, EMAIL)

    assert edit.remove_step(branch, by=SYSTEM) == 3

    assert outline(sequence) == "email"
    assert sequence.steps.get().position == 1
    assert AuditEntry.objects.get(verb="step.removed").changes["count"] == 3


def test_arms_are_added_changed_moved_and_removed(sequence):
    branch = add_branch(sequence, "a")
    add_step(sequence, DAY, parent=branch, arm="a")

    edit.add_arm(branch, key="b", name="Bees", by=SYSTEM)
    edit.add_arm(branch, key="c", to=1, by=SYSTEM)
    assert outline(sequence) == "branch(c: | a: wait | b: | else:)"
    edit.update_arm(branch, "b", name="Beers", when={"rule": {"event": "x"}}, by=SYSTEM)
    edit.update_arm(branch, "else", name="Others", by=SYSTEM)
    edit.move_arm(branch, "a", to=9, by=SYSTEM)
    assert outline(sequence) == "branch(c: | b: | a: wait | else:)"
    assert Step.objects.get(pk=branch.pk).settings["arms"][1:] == [
        {"key": "b", "name": "Beers", "when": {"rule": {"event": "x"}}},
        {"key": "a", "name": "", "when": None},
        {"key": "else", "name": "Others"},
    ]
    edit.remove_arm(branch, "a", by=SYSTEM)
    assert outline(sequence) == "branch(c: | b: | else:)"
    assert sequence.steps.count() == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda branch: edit.remove_arm(branch, "else", by=SYSTEM), "/arm"),
        (lambda branch: edit.remove_arm(branch, "z", by=SYSTEM), "/arm"),
        (lambda branch: edit.update_arm(branch, "a", weight=1, by=SYSTEM), "/arms/0/weight"),
        (lambda branch: edit.add_arm(branch, key="a", by=SYSTEM), "/arms/2/key"),
        (
            lambda branch: edit.update_step(
                branch, arms=[{"key": "a", "steps": [{"kind": "exit"}]}], by=SYSTEM
            ),
            "/arms/0/steps",
        ),
    ],
)
def test_what_cannot_be_done_to_an_arm_is_refused(sequence, change, pointer):
    branch = add_branch(sequence, "a")
    before = outline(sequence), Step.objects.values().get()

    with pytest.raises(Invalid) as refusal:
        change(branch)

    assert [error.pointer for error in refusal.value.errors][:1] == [pointer]
    assert (outline(sequence), Step.objects.values().get()) == before


def test_only_blocks_have_arms():
    email = make_draft(EMAIL).steps.get()

    with pytest.raises(Invalid, match="Only a branch"):
        edit.add_arm(email, by=SYSTEM)


def test_the_order_of_the_arms_is_that_of_the_whole_list(sequence):
    branch = add_branch(sequence, "a", "b")
    add_step(sequence, DAY, parent=branch, arm="a")
    add_step(sequence, EMAIL, parent=branch, arm="b")

    edit.update_step(branch, arms=[{"key": "b"}, {"key": "c"}], by=SYSTEM)

    assert outline(sequence) == "branch(b: email | c: | else:)"


def test_a_wait_becomes_one_of_another_sort_and_an_email_loses_its_variants(sequence):
    wait, email = add_step(sequence, DAY), add_step(sequence, EMAIL)
    template = email.template

    edit.update_step(wait, until={"time": "09:00"}, by=SYSTEM)
    assert draft.members(Step.objects.get(pk=wait.pk)) == {"until": {"time": "09:00"}}
    edit.update_step(wait, delay="PT2H", by=SYSTEM)
    assert draft.members(Step.objects.get(pk=wait.pk)) == {"delay": "PT2H"}
    edit.update_step(email, variants=[{"template": template}], thread="x", by=SYSTEM)
    assert email.variants.get().template == template
    edit.update_step(email, variants=None, thread=None, by=SYSTEM)
    assert draft.members(Step.objects.get(pk=email.pk)) == {"template": template.public_id}


def test_an_edit_of_an_arm_guards_against_others(sequence):
    branch = add_branch(sequence, "a")
    sequence.refresh_from_db()

    with pytest.raises(Stale):
        edit.add_arm(branch, by=SYSTEM, expected_revision=sequence.revision - 1)
    edit.add_arm(branch, by=SYSTEM, expected_revision=sequence.revision)

    assert outline(sequence) == "branch(a: | arm-1: | else:)"


def test_a_draft_is_read_in_three_queries(sequence, django_assert_num_queries):
    branch = add_branch(sequence, "a", "b")
    for arm in ("a", "b"):
        add_step(sequence, EMAIL, parent=branch, arm=arm)
        add_step(sequence, DAY, parent=branch, arm=arm)

    with django_assert_num_queries(2):
        draft.written(sequence)
    edit.update_step(
        sequence.steps.filter(kind="email").first(),
        variants=[{"template": sequence.steps.filter(kind="email").last().template}],
        by=SYSTEM,
    )
    with django_assert_num_queries(3):
        draft.written(sequence)
