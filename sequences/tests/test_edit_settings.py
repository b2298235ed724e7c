"""What each kind of step takes: as it is given, as it is stored, and why it is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from delivery.models import WebhookEndpoint
from emailseq.lib.encrypted import Secret
from emailseq.lib.errors import Invalid
from sequences import draft
from sequences.services import edit
from sequences.tests.factories import SequenceFactory
from subscribers.models import Tag
from subscribers.services import create_field
from subscribers.tests.factories import ListFactory
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

RULE = {"field": "plan", "op": "is", "value": "pro"}
IS_PRO = {"rule": RULE}


@pytest.fixture
def sequence():
    """A draft in a workspace that has one of everything a step may name."""
    made = SequenceFactory(slug="welcome")
    for key, kind in (("plan", "text"), ("renewal", "date"), ("seats", "number")):
        create_field(made.workspace, key=key, label=key.title(), kind=kind, by=SYSTEM)
    TemplateFactory(workspace=made.workspace, slug="hello")
    TemplateFactory(workspace=made.workspace, slug="hello-again")
    Tag.objects.create(workspace=made.workspace, name="VIP", slug="vip")
    ListFactory(workspace=made.workspace, slug="news")
    SequenceFactory(workspace=made.workspace, slug="win-back")
    WebhookEndpoint.objects.create(
        workspace=made.workspace, url="https://example.com/hook", secret=Secret.of("s")
    )
    return made


def stored(sequence, **members):
    return draft.members(edit.add_step(sequence, by=SYSTEM, **members))


def ids(sequence, kind):
    return {row.slug: row.public_id for row in kind.objects.filter(workspace=sequence.workspace)}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"kind": "wait", "delay": "P2DT3H"}, {"delay": "P2DT3H"}),
        ({"kind": "wait", "delay": timedelta(hours=36)}, {"delay": "P1DT12H"}),
        ({"kind": "wait", "until": {"time": "09:00"}}, {"until": {"time": "09:00"}}),
        (
            {"kind": "wait", "until": {"weekdays": [4, 1, 4], "time": "09:00"}},
            {"until": {"weekdays": [1, 4], "time": "09:00"}},
        ),
        (
            {"kind": "wait", "until": {"field": "renewal", "time": "07:30"}},
            {"until": {"field": "renewal", "offset_days": 0, "time": "07:30", "yearly": False}},
        ),
        (
            {
                "kind": "wait",
                "until": {"field": "renewal", "offset_days": -5, "time": "07:30", "yearly": True},
            },
            {"until": {"field": "renewal", "offset_days": -5, "time": "07:30", "yearly": True}},
        ),
        (
            {
                "kind": "wait_until",
                "timeout": "P3D",
                "arms": [
                    {"key": "bought", "when": {"event": "order_placed"}},
                    {"key": "timeout", "name": "Too late"},
                    {"name": "Answered", "when": {"reply": True}},
                ],
            },
            {
                "timeout": "P3D",
                "arms": [
                    {"key": "bought", "name": "", "when": {"event": "order_placed"}},
                    {"key": "arm-1", "name": "Answered", "when": {"reply": True}},
                    {"key": "timeout", "name": "Too late"},
                ],
            },
        ),
        (
            {"kind": "wait_until", "arms": [{"when": {"opened": "stp-1"}}]},
            {
                "arms": [
                    {"key": "arm-1", "name": "", "when": {"opened": "stp-1"}},
                    {"key": "timeout", "name": ""},
                ]
            },
        ),
        (
            {"kind": "branch", "arms": [{"key": "pro", "name": "Pros", "when": IS_PRO}]},
            {
                "arms": [
                    {"key": "pro", "name": "Pros", "when": IS_PRO},
                    {"key": "else", "name": ""},
                ]
            },
        ),
        ({"kind": "branch"}, {"arms": [{"key": "else", "name": ""}]}),
        (
            {"kind": "split", "arms": [{"weight": 3}, {"key": "b"}]},
            {
                "arms": [
                    {"key": "arm-1", "name": "", "weight": 3},
                    {"key": "b", "name": "", "weight": 1},
                ]
            },
        ),
        ({"kind": "split"}, {"arms": []}),
        (
            {"kind": "action", "action": {"kind": "set_field", "field": "seats", "value": 3}},
            {"action": {"kind": "set_field", "field": "seats", "value": 3}},
        ),
        (
            {"kind": "action", "action": {"kind": "set_field", "field": "plan", "value": None}},
            {"action": {"kind": "set_field", "field": "plan", "value": None}},
        ),
        (
            {"kind": "action", "action": {"kind": "notify", "to": "Ada@Example.com", "text": "Hi"}},
            {"action": {"kind": "notify", "to": "Ada@example.com", "text": "Hi"}},
        ),
        ({"kind": "exit", "reason": "done"}, {"reason": "done"}),
        ({"kind": "exit"}, {"reason": ""}),
    ],
)
def test_what_a_step_is_told_is_kept(sequence, given, kept):
    assert stored(sequence, **given) == kept


def test_what_a_step_names_is_kept_by_public_id(sequence):
    templates = ids(sequence, type(TemplateFactory.build()))
    tag, [news] = (
        Tag.objects.get(),
        [each for each in ids(sequence, type(sequence.list)).items() if each[0] == "news"],
    )
    other = ids(sequence, type(sequence))["win-back"]
    hook = WebhookEndpoint.objects.get().public_id

    email = stored(
        sequence,
        kind="email",
        template="hello",
        thread="first",
        variants=[{"template": "hello"}, {"key": "b", "template": "hello-again", "weight": 2}],
    )
    acts = [
        stored(sequence, kind="action", action=action)["action"]
        for action in (
            {"kind": "add_tag", "tag": "vip"},
            {"kind": "remove_list", "list": "news"},
            {"kind": "enroll", "sequence": "win-back"},
            {"kind": "call_webhook", "endpoint": hook},
        )
    ]
    branch = stored(sequence, kind="branch", arms=[{"when": {"rule": {"tag": "vip", "op": "has"}}}])

    assert email == {
        "template": templates["hello"],
        "thread": "first",
        "variants": [
            {"key": "variant-1", "template": templates["hello"], "weight": 1},
            {"key": "b", "template": templates["hello-again"], "weight": 2},
        ],
    }
    assert acts == [
        {"kind": "add_tag", "tag": tag.public_id},
        {"kind": "remove_list", "list": news[1]},
        {"kind": "enroll", "sequence": other},
        {"kind": "call_webhook", "endpoint": hook},
    ]
    assert branch["arms"][0]["when"] == {"rule": {"tag": tag.public_id, "op": "has"}}


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"kind": "email"}, [("/template", "required")]),
        ({"kind": "email", "template": "helo"}, [("/template", "not_found")]),
        ({"kind": "email", "template": "hello", "delay": "P1D"}, [("/delay", "unknown_field")]),
        ({"kind": "email", "template": "hello", "thread": "A B"}, [("/thread", "invalid")]),
        (
            {"kind": "email", "template": "hello", "variants": [{"weight": -1}]},
            [("/variants/0/template", "required"), ("/variants/0/weight", "invalid")],
        ),
        (
            {
                "kind": "email",
                "template": "hello",
                "variants": [{"key": "a", "template": "hello"}] * 2,
            },
            [("/variants/1/key", "duplicate")],
        ),
        ({"kind": "wait"}, [("/delay", "required")]),
        ({"kind": "wait", "delay": "soon"}, [("/delay", "invalid")]),
        ({"kind": "wait", "delay": "P1001D"}, [("/delay", "out_of_range")]),
        ({"kind": "wait", "until": {}}, [("/until", "required")]),
        ({"kind": "wait", "until": {"seconds": 5}}, [("/until/seconds", "unknown_field")]),
        ({"kind": "wait", "until": {"time": "24:00"}}, [("/until/time", "invalid")]),
        (
            {"kind": "wait", "until": {"weekdays": [0], "time": "09:00"}},
            [("/until/weekdays/0", "invalid")],
        ),
        (
            {"kind": "wait", "until": {"field": "renewl", "time": "09:00"}},
            [("/until/field", "not_found")],
        ),
        (
            {"kind": "wait", "delay": "P1D", "until": {"time": "09:00"}},
            [("/delay", "unknown_field")],
        ),
        (
            {"kind": "wait_until", "timeout": "x", "arms": [{"when": {"replied": True}}]},
            [("/timeout", "invalid"), ("/arms/0/when", "required")],
        ),
        (
            {"kind": "branch", "arms": [{"when": {"event": "x"}}]},
            [("/arms/0/when", "invalid")],
        ),
        (
            {"kind": "branch", "arms": [{"key": "else", "when": IS_PRO}]},
            [("/arms/0/when", "unknown_field")],
        ),
        (
            {"kind": "branch", "arms": [{"key": "a"}, {"key": "a"}]},
            [("/arms/1/key", "duplicate")],
        ),
        ({"kind": "branch", "arms": [{"key": "A/b"}]}, [("/arms/0/key", "invalid")]),
        ({"kind": "branch", "arms": "x"}, [("/arms", "invalid")]),
        ({"kind": "branch", "arms": [{}] * 21}, [("/arms", "too_long")]),
        (
            {"kind": "branch", "arms": [{"when": {"rule": {"all": []}}}]},
            [("/arms/0/when/rule/all", "invalid")],
        ),
        (
            {"kind": "branch", "arms": [{"when": {"rule": {**RULE, "field": "plann"}}}]},
            [("/arms/0/when/rule/field", "not_found")],
        ),
        ({"kind": "split", "arms": [{"weight": 1.5}]}, [("/arms/0/weight", "invalid")]),
        (
            {"kind": "split", "arms": [{"weight": 1, "when": IS_PRO}]},
            [("/arms/0/when", "unknown_field")],
        ),
        ({"kind": "action"}, [("/action", "required")]),
        ({"kind": "action", "action": {"kind": "dance"}}, [("/action/kind", "invalid")]),
        (
            {"kind": "action", "action": {"kind": "add_tag", "tag": "vipp"}},
            [("/action/tag", "not_found")],
        ),
        (
            {"kind": "action", "action": {"kind": "set_field", "field": "seats", "value": "x"}},
            [("/action/value", "field_type")],
        ),
        (
            {"kind": "action", "action": {"kind": "notify", "to": "ada", "text": "Hi"}},
            [("/action/to", "invalid_email")],
        ),
        (
            {"kind": "action", "action": {"kind": "call_webhook", "endpoint": "http://x"}},
            [("/action/endpoint", "not_found")],
        ),
        ({"kind": "exit", "reason": "x" * 101}, [("/reason", "too_long")]),
        ({"kind": "exit", "reason": "a\0b"}, [("/reason", "invalid_characters")]),
        ({"kind": "wait", "delay": "P1D", "dely": 1}, [("/dely", "unknown_field")]),
        ({"kind": "wait", "delay": "P1D", "key": "A"}, [("/key", "invalid")]),
    ],
)
def test_what_makes_no_step_is_refused_with_every_fault(sequence, given, faults):
    with pytest.raises(Invalid) as refusal:
        edit.add_step(sequence, by=SYSTEM, **given)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == faults
    assert not sequence.steps.exists()
    sequence.refresh_from_db()
    assert sequence.revision == 1


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"kind": "email", "template": "helo"}, "hello"),
        ({"kind": "action", "action": {"kind": "add_tag", "tag": "vipp"}}, "vip"),
        ({"kind": "action", "action": {"kind": "add_list", "list": "mews"}}, "news"),
        ({"kind": "action", "action": {"kind": "enroll", "sequence": "winback"}}, "win-back"),
        ({"kind": "wait", "until": {"field": "renewl", "time": "09:00"}}, "renewal"),
    ],
)
def test_who_mistypes_a_name_hears_what_they_meant(sequence, given, meant):
    with pytest.raises(Invalid, match=f"Did you mean “{meant}”?"):
        edit.add_step(sequence, by=SYSTEM, **given)


def test_what_is_of_another_workspace_is_not_there(sequence):
    TemplateFactory(slug="theirs")
    foreign = Tag.objects.create(workspace=SequenceFactory().workspace, name="x", slug="theirs")

    for given in (
        {"kind": "email", "template": "theirs"},
        {"kind": "action", "action": {"kind": "add_tag", "tag": foreign.public_id}},
        {"kind": "branch", "arms": [{"when": {"rule": {"tag": "theirs", "op": "has"}}}]},
    ):
        with pytest.raises(Invalid, match="There is no"):
            edit.add_step(sequence, by=SYSTEM, **given)
