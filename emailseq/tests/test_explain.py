from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.services import update_workspace
from campaigns.tests.factories import CampaignFactory
from delivery import services as delivery
from delivery.services import stops
from delivery.tests.factories import queue
from emailseq import env
from emailseq.lib import clock
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

    assert set(gates) == {
        *("archived", "suppressed", "consent", "running"),
        *("paused", "fence", "safe mode", "window", "quiet hours", "break", "audience"),
    }
    assert all(gates.values())
    assert len(messages) == 1
    assert messages[0].startswith("message: due ")


def test_a_no_is_named():
    campaign = CampaignFactory()
    person = SubscriptionFactory(list=campaign.list).subscriber
    delivery.mirror(workspace=campaign.workspace, kind="campaign", source_id=campaign.pk, name="x")
    delivery.hold(kind="campaign", source_id=campaign.pk)
    people.unsubscribe(person, by=SYSTEM)

    gates, messages = explain(person.email, campaign.public_id)

    closed = {name for name, passed in gates.items() if not passed}
    assert closed == {"suppressed", "consent", "running"}
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


def test_windows_caps_and_pauses_say_until_when(settings):
    campaign = CampaignFactory()
    person = SubscriptionFactory(list=campaign.list).subscriber
    workspace = campaign.workspace
    update_workspace(
        workspace,
        by=SYSTEM,
        time_zone="Europe/Berlin",
        awake={"opens": "07:00", "closes": "22:00"},
        cap_per_day=1,
    )
    stops.pause_sending(reason="DNS move", by=SYSTEM)
    settings.SAFE_MODE = env.safe_mode("allow:harbour.example")
    out = StringIO()

    with clock.frozen(datetime(2026, 3, 28, 23, tzinfo=UTC)):  # midnight; clocks go forward at two
        call_command("explain", person.email, campaign.public_id, stdout=out)

    told = out.getvalue()
    assert "✗ paused: DNS move" in told
    assert "✗ safe mode: safe mode" in told
    assert "✓ window: open" in told
    assert "✗ quiet hours: until 2026-03-29 07:00 Europe/Berlin" in told
    assert "✓ frequency cap: 0 of 1 in 24 hours" in told
