from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from delivery.tests.factories import SenderFactory
from emailseq.lib.errors import Invalid
from sequences import as_code, documents
from sequences.models import Sequence
from sequences.services.as_code import apply, plan
from subscribers.models import CustomField, List, Tag
from templates_app.models import Template

pytestmark = pytest.mark.django_db
RECIPES = Path(__file__).parent.parent / "recipes"


@pytest.fixture
def workspace():
    sender = SenderFactory(workspace=WorkspaceFactory(slug="shop"), email="news@example.com")
    return sender.workspace


def recipe(slug):
    return documents.load((RECIPES / f"{slug}.yaml").read_text())


def the(slug):
    return Sequence.objects.get(slug=slug)


def run(command, *arguments):
    out = StringIO()
    try:
        call_command(command, *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_a_document_makes_a_sequence_and_what_it_needs(workspace):
    applied = apply(workspace, document=recipe("win-back"), by=SYSTEM)

    sequence = the("win-back")
    assert (applied.slug, applied.made, applied.problems) == ("win-back", True, ())
    assert (sequence.name, sequence.list.slug, sequence.state) == ("Win back", "customers", "draft")
    assert (sequence.re_entry, sequence.cooldown.days) == ("cooldown", 180)
    assert [each.kind for each in sequence.triggers.all()] == ["date"]
    assert [each.name for each in sequence.endings.all()] == ["They ordered"]
    assert sequence.steps.count() == 7
    assert set(List.objects.values_list("slug", "opt_in")) == {("customers", "single")}
    assert set(Tag.objects.values_list("slug", flat=True)) == {"lapsed"}
    assert set(CustomField.objects.values_list("key", "kind")) == {("last_order_on", "date")}
    assert Template.objects.count() == 3


def test_applied_again_it_changes_nothing(workspace):
    apply(workspace, document=recipe("re-permission"), by=SYSTEM)
    before = (the("re-permission").revision, AuditEntry.objects.count())

    again = apply(workspace, document=recipe("re-permission"), by=SYSTEM)

    assert (again.changed, again.diff, again.made) == (False, "", False)
    assert (the("re-permission").revision, AuditEntry.objects.count()) == before


@pytest.mark.parametrize("slug", [path.stem for path in sorted(RECIPES.glob("*.yaml"))])
def test_what_is_exported_makes_the_same_elsewhere(workspace, slug):
    apply(workspace, document=recipe(slug), by=SYSTEM)
    text = as_code.export(the(slug))
    other = SenderFactory(email="news@example.com").workspace
    apply(other, document=documents.load(text), by=SYSTEM)

    there = Sequence.objects.of(other).get(slug=slug)
    assert as_code.export(there) == text
    assert not any(f"{prefix}_0" in text for prefix in ("seq", "tpl", "lst", "tag"))
    assert not plan(workspace, document=documents.load(text), by=SYSTEM).changed


def test_what_a_file_leaves_out_is_as_usual_again(workspace):
    apply(workspace, document=recipe("win-back"), by=SYSTEM)
    document = recipe("win-back") | {"triggers": [], "goals": []}
    del document["re_entry"], document["cooldown"]

    apply(workspace, document=document, by=SYSTEM)

    sequence = the("win-back")
    assert (sequence.re_entry, sequence.cooldown) == ("never", None)
    assert (sequence.triggers.count(), sequence.endings.count()) == (0, 0)
    assert sequence.sender.email == "news@example.com"


def test_a_plan_shows_what_would_change_and_changes_nothing(workspace):
    apply(workspace, document=recipe("birthday"), by=SYSTEM)
    document = recipe("birthday") | {"priority": 7}
    document["templates"]["birthday-1"]["subject"] = "Many happy returns"

    planned = plan(workspace, document=document, by=SYSTEM)

    changes = [line for line in planned.diff.splitlines() if line[0] in "+-"]
    assert changes[:2] == ["--- is", "+++ will be"]
    assert changes[2:4] == ["+priority: 7", changes[3]]
    assert changes[3].startswith("-    subject: Happy birthday")
    assert changes[4] == "+    subject: Many happy returns"
    assert the("birthday").priority == 5
    assert Template.objects.get(slug="birthday-1").subject.startswith("Happy")
    assert planned.made is False


def test_a_plan_for_a_new_sequence_leaves_nothing_behind(workspace):
    planned = plan(workspace, document=recipe("trial"), by=SYSTEM)

    assert planned.made
    assert [Sequence.objects.count(), Template.objects.count(), List.objects.count()] == [0, 0, 0]
    assert CustomField.objects.count() == 0


def test_what_is_there_is_used_as_it_is(workspace):
    own = List.objects.create(workspace=workspace, slug="newsletter", name="Ours", opt_in="single")

    apply(workspace, document=recipe("birthday"), by=SYSTEM)

    own.refresh_from_db()
    assert (own.name, own.opt_in, List.objects.count()) == ("Ours", "single", 1)
    assert the("birthday").list == own


def test_publishing_again_what_is_live_makes_no_version(workspace):
    first = apply(workspace, document=recipe("birthday"), by=SYSTEM, publish=True)
    second = apply(workspace, document=recipe("birthday"), by=SYSTEM, publish=True)
    document = recipe("birthday")
    document["templates"]["birthday-1"]["subject"] = "Many happy returns"
    third = apply(workspace, document=document, by=SYSTEM, publish=True)

    assert (first.published, second.published, third.published) == (1, None, 2)
    assert the("birthday").state == "live"
    assert the("birthday").live_version.number == 2


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"sequence": "Not a slug"}, {("/sequence", "invalid")}),
        ({"list": "nowhere"}, {("/list", "not_found")}),
        ({"sender": "x@example.com"}, {("/sender", "not_found")}),
        ({"prioritty": 3}, {("/prioritty", "unknown_field")}),
        ({"priority": 99}, {("/priority", "out_of_range")}),
        ({"triggers": [{"kind": "list_joined", "list": "x"}]}, {("/triggers/0/list", "not_found")}),
        ({"steps": [{"kind": "wait"}]}, {("/steps/0/delay", "required")}),
        ({"steps": {}}, {("/steps", "invalid")}),
        ({"goals": [{"name": "x", "when": {}}]}, {("/goals/0/when", "required")}),
        (
            {"templates": {"a": {"name": "A"}, "b": {"name": "B", "subject": "{{"}}},
            {("/templates/a/subject", "required"), ("/templates/b/subject", "template_invalid")},
        ),
        ({"lists": {"a b": {"name": "A"}}}, {("/lists/a b", "invalid")}),
        ({"fields": {"Plan": {"label": "P", "kind": "text"}}}, {("/fields/Plan", "invalid")}),
        ({"fields": {"plan": {"label": "P", "kind": "txt"}}}, {("/fields/plan/kind", "invalid")}),
    ],
)
def test_what_is_wrong_is_said_where_it_stands_and_nothing_is_made(workspace, changes, faults):
    with pytest.raises(Invalid) as error:
        apply(workspace, document=recipe("birthday") | changes, by=SYSTEM)

    assert {(each.pointer, each.code) for each in error.value.errors} == faults
    assert not Sequence.objects.exists()
    assert not Template.objects.exists()


def test_the_commands_in_turn(workspace, tmp_path):
    file = tmp_path / "birthday.yaml"
    file.write_text((RECIPES / "birthday.yaml").read_text())

    code, planned = run("plan", str(file))
    assert (code, Sequence.objects.exists()) == (3, False)
    assert "+sequence: birthday" in planned

    code, applied = run("apply", str(file), "--publish")
    assert (code, applied.splitlines()[-1]) == (0, "Version 1 of “birthday” is live.")

    assert run("plan", str(file)) == (0, "“birthday” is as the file says.\n")
    _, exported = run("export_sequence", "birthday")
    file.write_text(exported)
    answer = json.loads(run("plan", str(file), "--json")[1])
    assert (answer["changed"], answer["slug"], answer["problems"]) == (False, "birthday", [])


def test_a_test_that_fails_says_what_came_instead(tmp_path):
    file = tmp_path / "birthday.yaml"
    document = recipe("birthday")
    document["tests"] = [
        {
            "name": "Later",
            "start": "2026-03-27T09:00:00Z",
            "expect": [{"email": "birthday-1", "after": "P1D"}],
        },
        {"name": "Never", "start": "2026-03-27T09:00:00Z", "expect": []},
        {
            "name": "More",
            "start": "2026-03-27T09:00:00Z",
            "expect": [{"email": "birthday-1"}, {"email": "birthday-2"}],
        },
        {
            "name": "So",
            "start": "2026-03-27T09:00:00Z",
            "expect": [{"email": "birthday-1", "after": "P0D"}, {"end": "completed"}],
        },
    ]
    file.write_text(documents.dump(document))

    code, shown = run("test_sequence", str(file))

    assert code == 1
    lines = [line.strip() for line in shown.splitlines() if "·" not in line][1:]
    came = (
        "{email: birthday-1, step: wishes, subject: Happy birthday!, "
        "after: P0D, at: 2026-03-27T09:00}"
    )
    assert lines == [
        "✗ Later",
        f"1. {{email: birthday-1, after: P1D}} was expected, but came {came}",
        "✗ Never",
        f"1. nothing more was expected, but came {came}",
        "✗ More",
        "2. {email: birthday-2} was expected, but nothing more came",
        "✓ So",
        "4 tests, 3 failed",
    ]
    answer = json.loads(run("test_sequence", str(file), "--json")[1])
    assert answer["failed"] == 3
    assert [each["passed"] for each in answer["files"][str(file)]] == [False, False, False, True]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (None, "/tests: This must be a list"),
        ([{"name": "x", "expect": []}], "/tests/0/start: Say when it begins"),
        (
            [{"name": "x", "start": "P0D", "expect": [{"mail": "x"}]}],
            "/tests/0/expect/0: This must",
        ),
        ([{"name": "x", "start": "P0D", "persn": {}, "expect": []}], "/tests/0/persn"),
        ([{"name": "x", "start": "P0D", "until": "x", "expect": []}], "/tests/0/until"),
    ],
)
def test_a_test_that_cannot_be_understood_is_no_test(tmp_path, tests, said):
    file = tmp_path / "birthday.yaml"
    file.write_text(documents.dump(recipe("birthday") | {"tests": tests}))

    with pytest.raises(CommandError) as error:
        call_command("test_sequence", str(file))

    assert said in str(error.value)
    assert error.value.returncode == 2


def test_a_test_may_use_what_a_workspace_has(workspace, tmp_path):
    document = recipe("birthday")
    del document["fields"], document["lists"]
    file = tmp_path / "birthday.yaml"
    file.write_text(documents.dump(document))
    with pytest.raises(CommandError):
        call_command("test_sequence", str(file))
    apply(workspace, document=recipe("birthday"), by=SYSTEM)

    code, shown = run("test_sequence", str(file), "--workspace", "shop")

    assert (code, shown.splitlines()[-1]) == (0, "2 tests, 0 failed")
