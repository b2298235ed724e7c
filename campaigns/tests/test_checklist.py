from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry
from accounts.tests.api import Api
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory
from delivery.models import Outbox, SendingDomain
from emailseq.lib import clock
from subscribers.models import Event
from subscribers.tests.factories import make_audience
from templates_app.models import TemplateVersion

pytestmark = pytest.mark.django_db


def checks_of(campaign: Campaign) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    found = Api(campaign.workspace)("GET", f"/campaigns/{campaign.public_id}/checks").json()
    blocks, warnings = (
        [
            (one["pointer"], one["code"])
            for one in found[kind]
            if not one["pointer"].startswith("/template/")
        ]
        for kind in ("blocks", "warnings")
    )
    return blocks, warnings


def test_a_check_tells_what_would_stop_it_and_begins_nothing():
    campaign = CampaignFactory()

    assert checks_of(campaign)[0] == [("/list", "empty")]
    make_audience(1, on=campaign.list)
    assert checks_of(campaign)[0] == []
    campaign.template.html = "<p>{{ nothing"
    campaign.template.save(update_fields=["html"])
    [(pointer, _code)] = checks_of(campaign)[0]

    assert pointer == "/html"
    campaign.refresh_from_db()
    assert (campaign.state, campaign.template_version) == ("draft", None)
    assert (Outbox.objects.count(), TemplateVersion.objects.count()) == (0, 0)
    assert not AuditEntry.objects.filter(verb="campaign.started").exists()
    assert not Event.objects.filter(kind="campaign.started").exists()


def test_what_is_unusual_is_a_warning():
    earlier = CampaignFactory()
    campaign = CampaignFactory(list=earlier.list, sender=earlier.sender)
    make_audience(7, on=campaign.list)
    assert checks_of(campaign)[1] == [("/sender", "not_signed")]
    Campaign.objects.filter(pk=earlier.pk).update(recipient_count=2, started_at=clock.now())

    assert checks_of(campaign)[1] == [("/list", "larger_than_usual"), ("/sender", "not_signed")]
    Campaign.objects.filter(pk=earlier.pk).update(recipient_count=3)
    domain = campaign.sender.email.partition("@")[2]
    SendingDomain.objects.create(workspace=campaign.workspace, name=domain)
    assert checks_of(campaign)[1] == []


def test_the_command_fails_while_something_stands_in_the_way():
    campaign = CampaignFactory()
    out = StringIO()

    with pytest.raises(SystemExit) as stopped:
        call_command("check_campaign", campaign.public_id, "--json", stdout=out)
    with pytest.raises(CommandError, match="no campaign"):
        call_command("check_campaign", "cmp_nope")
    make_audience(1, on=campaign.list)
    told = StringIO()
    call_command("check_campaign", campaign.public_id, stdout=told)

    assert stopped.value.code == 1
    assert [one["code"] for one in json.loads(out.getvalue())["blocks"]] == ["empty"]
    assert told.getvalue().startswith("! not_signed: No sending domain signs for")
