from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from campaigns.tests.factories import CampaignFactory
from delivery import services as delivery
from delivery.tests.factories import queue
from sequences.tests.factories import SequenceFactory
from subscribers import services as people
from subscribers.tests.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db


def explain(*arguments):
    out = StringIO()
    call_command("explain", *arguments, "--json", stdout=out)
    answer = json.loads(out.getvalue())
    return {gate["gate"]: gate["passed"] for gate in answer["gates"]}, answer["messages"]


def test_every_gate_of_a_campaign_is_answered():
    campaign = CampaignFactory()
    person = SubscriptionFactory(list=campaign.list).subscriber
    queue([person], on=campaign.list, source_id=campaign.pk)

    gates, messages = explain(person.email, campaign.public_id)

    assert gates == {"archived": True, "suppressed": True, "consent": True, "running": True}
    assert len(messages) == 1
    assert messages[0].startswith("message: due ")


def test_a_no_is_named():
    campaign = CampaignFactory()
    person = SubscriptionFactory(list=campaign.list).subscriber
    delivery.mirror(workspace=campaign.workspace, kind="campaign", source_id=campaign.pk, name="x")
    delivery.hold(kind="campaign", source_id=campaign.pk)
    people.unsubscribe(person, by=SYSTEM)

    gates, messages = explain(person.email, campaign.public_id)

    assert gates == {"archived": True, "suppressed": False, "consent": False, "running": False}
    assert messages == []


def test_a_sequence_tells_whether_somebody_entered():
    sequence = SequenceFactory(slug="welcome")
    person = SubscriptionFactory(list__workspace=sequence.workspace).subscriber

    gates, _ = explain(person.email, "welcome")

    assert gates["enrolled"] is False


def test_it_speaks_to_people():
    sequence = SequenceFactory(slug="welcome")
    person = SubscriptionFactory(list__workspace=sequence.workspace).subscriber
    out = StringIO()

    call_command("explain", person.email, "welcome", stdout=out)

    assert "✗ enrolled: never entered" in out.getvalue()
    assert "no message yet" in out.getvalue()


@pytest.mark.parametrize(
    ("email", "source", "sentence"),
    [
        ("ada@example.com", "nothing", "No sequence has the slug “nothing”"),
        ("nobody@example.com", "welcome", "Nobody in "),
        ("not an address", "welcome", "@"),
    ],
)
def test_what_it_cannot_find_it_says(email, source, sentence):
    SequenceFactory(slug="welcome")

    with pytest.raises(CommandError, match=sentence):
        call_command("explain", email, source)


def test_a_slug_in_two_workspaces_has_to_be_told_apart():
    first, second = SequenceFactory(slug="welcome"), SequenceFactory(slug="welcome")
    person = SubscriptionFactory(list__workspace=second.workspace).subscriber

    with pytest.raises(CommandError, match="--workspace"):
        call_command("explain", person.email, "welcome")

    assert first.workspace != second.workspace
    explain(person.email, "welcome", "--workspace", second.workspace.slug)
