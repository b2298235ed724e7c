"""What the links of campaigns and sequences tell, and what they leave alone."""

from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from analytics import tables
from analytics.models import LinkRollup
from campaigns import engine, services
from campaigns.tests.factories import CampaignFactory, finish_messages
from delivery import web
from delivery.models import SendLedger
from delivery.tracking import Links
from delivery.utm import NOTHING, Tags, tagged, tags_of
from subscribers.tests.factories import make_audience

TAGS = Tags("news", "email", "winter-2026")
UTM = "utm_source=news&utm_medium=email&utm_campaign=winter-2026"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", f"https://a.example?{UTM}"),
        ("HTTP://a.example/b?c=d#e", f"HTTP://a.example/b?c=d&{UTM}#e"),
        ("https://a.example/?", f"https://a.example/?{UTM}"),
        ("https://a.example/?c=d&", f"https://a.example/?c=d&{UTM}"),
        (
            "https://a.example/{{ id }}?c={{ c }}",
            f"https://a.example/{{{{ id }}}}?c={{{{ c }}}}&{UTM}",
        ),
        ("https://a.example/#utm_source=x", f"https://a.example/?{UTM}#utm_source=x"),
        ("https://a.example/?UTM_Source=x", "https://a.example/?UTM_Source=x"),
        ("https://a.example/?a=1&utm_campaign=x#y", "https://a.example/?a=1&utm_campaign=x#y"),
        ("mailto:ada@a.example", "mailto:ada@a.example"),
        ("#unsubscribe", "#unsubscribe"),
        ("", ""),
    ],
)
def test_where_the_tags_go(url, expected):
    assert tagged(url, TAGS) == expected
    assert tagged(url, NOTHING) == url


def test_a_name_becomes_a_slug():
    assert tags_of("a b", "", "Zoës: Winter / 2026") == ("a b", "", "zoës-winter-2026")
    assert tags_of("", "email", "Winter") == NOTHING
    assert tagged("https://a.example", tags_of("a b", "", "Zoë")) == (
        "https://a.example?utm_source=a%20b&utm_campaign=zo%C3%AB"
    )


@pytest.mark.django_db
def test_a_click_carries_them_and_the_way_out_does_not(client):
    campaign = CampaignFactory(name="Winter 2026")
    make_audience(2, on=campaign.list)
    changed = Api(campaign.workspace)("PATCH", "/workspace", {"utm_source": "news"})
    services.send(campaign, by=SYSTEM)
    engine.fill()
    finish_messages(campaign, "sent", "sent")
    first, second = (Links("", pk) for pk in SendLedger.objects.values_list("pk", flat=True))

    assert (changed.json()["utm_source"], changed.json()["utm_medium"]) == ("news", "email")
    assert client.get(first.click(0))["Location"] == f"https://example.com/start?{UTM}"
    assert "utm_" not in client.get(first.unsubscribe).content.decode()
    version = campaign.template_version
    LinkRollup.objects.create(
        workspace=campaign.workspace,
        source_kind="campaign",
        source_id=campaign.pk,
        step_key="",
        variant="",
        template_version=version,
        link=0,
        verdict="human",
        count=1,
        first_count=1,
    )
    [row] = tables.of_links("campaign", campaign.pk).rows
    assert row[4] == f"https://example.com/start?{UTM}"

    Api(campaign.workspace)("PATCH", "/workspace", {"utm_source": ""})
    web._whose.cache_clear()
    assert client.get(second.click(0))["Location"] == "https://example.com/start"
