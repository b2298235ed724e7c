"""What a rule speaks of does not go away in silence, wherever the rule is kept."""

from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from sequences.models import Ending, SequenceVersion, Step, Trigger
from sequences.tests.factories import SequenceFactory
from subscribers import services
from subscribers.models import CustomField, Segment, Tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def vip(workspace):
    return services.create_tag(workspace, name="VIP", by=SYSTEM)


@pytest.fixture
def plan(workspace):
    return services.create_field(workspace, key="plan", label="Plan", kind="text", by=SYSTEM)


def test_a_tag_stays_while_a_rule_names_it(api, workspace, vip):
    rule = {"all": [{"none": [{"tag": vip.public_id, "op": "has"}]}]}
    Segment.objects.create(workspace=workspace, name="The many", slug="many", rule=rule)
    SequenceFactory(workspace=workspace, name="Welcome", entry_rule=rule)
    SequenceFactory(workspace=workspace, name="Gone", entry_rule=rule, state="archived")
    SequenceFactory(name="Theirs", entry_rule=rule)

    refused = api("DELETE", "/tags/vip")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert refused.json()["used_by"] == ["The many", "Welcome"]
    assert Tag.objects.get() == vip


def test_a_tag_stays_while_it_starts_a_sequence(api, workspace, vip):
    sequence = SequenceFactory(workspace=workspace, name="Welcome")
    sequence.triggers.create(kind="tag_added", tag=vip)

    assert api("DELETE", "/tags/vip").json()["used_by"] == ["Welcome"]
    assert Tag.objects.get() == vip


def in_a_branch(sequence, condition):
    arms = [{"key": "a", "when": {"rule": {"all": [condition]}}}]
    return Step(sequence=sequence, key="x", position=1, kind="branch", settings={"arms": arms})


def in_a_trigger(sequence, condition):
    return Trigger(sequence=sequence, kind="field_changed", settings=condition)


def in_a_goal(sequence, condition):
    return Ending(sequence=sequence, kind="goal", name="g", when={"rule": {"any": [condition]}})


def in_a_version(sequence, condition):
    document = {"entry_rule": {"all": [condition]}}
    return SequenceVersion(sequence=sequence, number=1, program={}, document=document)


@pytest.mark.parametrize("kept", [in_a_branch, in_a_trigger, in_a_goal, in_a_version])
@pytest.mark.parametrize(("named", "used"), [("plan", True), ("planet", False)])
def test_a_field_stays_while_something_compares_it(api, workspace, plan, kept, named, used):
    sequence = SequenceFactory(workspace=workspace, name="Welcome")
    kept(sequence, {"field": named, "op": "is", "value": "plan"}).save()

    answer = api("DELETE", f"/fields/{plan.public_id}")

    assert CustomField.objects.exists() is used
    if used:
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
        assert answer.json()["detail"] == "It is still used by “Welcome”."
