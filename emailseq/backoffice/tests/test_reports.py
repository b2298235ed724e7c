"""Reports: what the pages and files of numbers say, and to whom."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta

import pytest
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from analytics import services
from analytics.models import Conversion, LinkRollup, Share, Total
from analytics.tests.factories import NOON, make_key
from campaigns.tests.factories import CampaignFactory
from delivery.services import mirror
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.tests.factories import TemplateVersionFactory

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


def share(workspace, by, value, kind, count, *, day=TODAY, detail="", first=0, **source):
    columns = {"source_kind": "", "source_id": 0, "verdict": "", **source}
    Share.objects.create(
        workspace=workspace,
        by=by,
        value=value,
        detail=detail,
        kind=kind,
        day=day,
        count=count,
        first_count=first,
        **columns,
    )


def shown(page, key):
    """A table of a page, as text."""
    [table] = [each for each in page.context["tables"] if each["key"] == key]
    return [[str(cell["text"]) for cell in row] for row in table["rows"]]


def rows_of(answer):
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return [*csv.reader(b"".join(answer.streaming_content).decode().splitlines())]


@pytest.fixture
def client():
    with clock.frozen(NOON + timedelta(hours=1)):
        yield sign_in()


def test_the_overview_tells_what_sent_most_and_what_it_led_to(client):
    campaign = CampaignFactory(list__workspace=client.workspace, name="=November")
    source = ("campaign", campaign.pk)
    mirror(workspace=client.workspace, name=campaign.name, **campaign.source)
    goal = Conversion.objects.create(workspace=client.workspace, name="Bought", event_name="order")
    services.add(
        {
            make_key(client.workspace, "message.sent", source=source): Total(400),
            make_key(client.workspace, "message.sent", hour=NOON - timedelta(days=35)): Total(500),
            make_key(client.workspace, "message.clicked", source=source, verdict="human"): Total(
                9, 8
            ),
            make_key(
                client.workspace, "conversion.reached", source=source, verdict=str(goal.pk)
            ): Total(3, 2, 123450),
        }
    )

    page = client.get(reverse("admin:reports"))
    answer = rows_of(client.get(reverse("admin:reports"), {"csv": "sources"}))

    figures = {figure.label: (figure.value, figure.note) for figure in page.context["figures"]}
    assert figures["Sent"] == ("400", "0 not sent")
    assert page.context["figures"][0].before == "500"
    assert "500 in the period before" in page.text
    assert figures["Clicked"] == ("2\u202f%", "8, 9 times; 0 by machines")
    assert figures["Revenue"] == ("1,234.50", "3 conversions")
    [row] = shown(page, "sources")
    assert row == ["Campaign", "=November", "400", "0", "8", "0", "0", "0", "2", "3", "1,234.50"]
    assert reverse("admin:report", args=source) in page.text
    assert shown(page, "conversions") == [
        ["Bought", "The last message they clicked", "7", "3", "2", "1,234.50"]
    ]
    assert json.loads(page.context["chart"])["datasets"][2]["data"][-1] == 400
    assert answer[1][:4] == ["campaign", "'=November", "400", "0"]  # no spreadsheet runs it
    assert shown(client.get(reverse("admin:reports"), {"days": "7"}), "sources") == [row]


def test_deliverability_is_told_by_provider_and_watched(client):
    own = client.workspace
    share(own, "provider", "google", "message.sent", 9_000)
    share(own, "provider", "gmx", "message.sent", 1_000)
    share(own, "provider", "google", "message.complained", 9)
    share(own, "provider", "gmx", "message.complained", 3)
    share(own, "provider", "gmx", "message.deferred", 40, detail="greylisted")
    share(own, "provider", "gmx", "message.sent", 7, day=NOON.date() - timedelta(days=30))

    page = client.get(reverse("admin:reports", args=["delivery"]))

    assert shown(page, "providers") == [
        [
            "google",
            "9,000",
            "100\u202f%",
            "0",
            "0",
            "0",
            "9",
            "0.10\u202f%",
            "Watch",
            "0",
            "0",
            "0",
        ],
        ["gmx", "1,000", "100\u202f%", "40", "0", "0", "3", "0.30\u202f%", "Bad", "0", "0", "0"],
    ]
    assert shown(page, "reasons") == [["gmx", "Put off", "greylisted", "40"]]
    assert "More than 1 in 1,000 messages" in page.text


def test_lists_grow_and_shrink_and_weeks_of_entry_are_compared(client):
    news = ListFactory(workspace=client.workspace, name="News")
    make_audience(6, on=news)
    day = NOON.date()
    share(client.workspace, "list", str(news.pk), "subscription.confirmed", 4, day=day)
    share(client.workspace, "list", str(news.pk), "subscription.unsubscribed", 2, day=day)
    own = {"day": None}
    share(client.workspace, "entry", "2026-W46", "subscriber.created", 10, detail="0", **own)
    share(client.workspace, "entry", "2026-W46", "active", 5, detail="0", **own)
    share(client.workspace, "entry", "2026-W46", "active", 2, detail="2", **own)
    share(client.workspace, "entry", "2026-W46", "message.unsubscribed", 1, detail="1", **own)

    page = client.get(reverse("admin:reports", args=["people"]))
    growth = rows_of(client.get(reverse("admin:reports", args=["people"]), {"csv": "growth"}))

    assert shown(page, "lists") == [["News", "4", "2", "2", "6", "50\u202f%"]]
    assert growth[-1] == [date(2026, 11, 24).isoformat(), "4", "2", "2"]
    assert shown(page, "cohorts") == [
        ["2026-W46", "10", "10\u202f%", "50\u202f%", "0\u202f%", "20\u202f%", *[""] * 10]
    ]


def test_a_campaign_has_a_report_with_the_clicks_in_its_message(client):
    campaign = CampaignFactory(list__workspace=client.workspace)
    targets = ["https://example.com/a", "https://example.com/b"]
    html = "".join(f'<p><a href="{each}">go</a></p>' for each in targets)
    version = TemplateVersionFactory(
        template__workspace=client.workspace,
        html=f'{html}<a href="{{{{ links.unsubscribe }}}}">leave</a>',
        links=targets,
    )
    for link, people in enumerate((30, 10)):
        LinkRollup.objects.create(
            workspace=client.workspace,
            source_kind="campaign",
            source_id=campaign.pk,
            step_key="",
            variant="",
            template_version=version,
            link=link,
            verdict="human",
            count=people * 2,
            first_count=people,
        )

    page = client.get(reverse("admin:report", args=["campaign", campaign.pk]))
    place = ["campaign", campaign.pk, version.pk]
    frame = client.get(reverse("admin:click_map", args=place))

    assert shown(page, "links") == [
        ["", "", "1", targets[0], "30", "60", "0"],
        ["", "", "1", targets[1], "10", "20", "0"],
    ]
    assert [each["id"] for each in page.context["maps"]] == [version.pk]
    assert frame.headers["Content-Security-Policy"].startswith("sandbox")
    assert frame.text.count("</span></a>") == 2
    assert "30 · 75 %</span></a>" in frame.text
    assert "10 · 25 %</span></a>" in frame.text
    assert 'href="#unsubscribe">leave</a>' in frame.text
    for number in (version.pk + 1, 10**12):
        missing = reverse("admin:click_map", args=[*place[:2], number])
        assert client.get(missing).status_code == 404


def test_another_workspaces_reports_are_not_there(client):
    other = CampaignFactory()
    services.add({make_key(other.workspace, "message.sent"): Total(400)})

    assert client.get(reverse("admin:report", args=["campaign", other.pk])).status_code == 404
    assert client.get(reverse("admin:report", args=["notice", 1])).status_code == 404
    assert client.get(reverse("admin:reports", args=["nothing"])).status_code == 404
    assert shown(client.get(reverse("admin:reports")), "sources") == []


def test_who_may_see_no_reports_sees_none(client):
    nobody = sign_in(role="Integrator", workspace=client.workspace)
    author = sign_in(role="Author", workspace=client.workspace)
    operator = sign_in(role="Operator", workspace=client.workspace)
    campaign = CampaignFactory(list__workspace=client.workspace)
    report = reverse("admin:report", args=["campaign", campaign.pk])

    assert nobody.get(reverse("admin:reports")).status_code == 200
    assert author.get(report).status_code == 200
    assert operator.get(reverse("admin:reports")).status_code == 200
    assert operator.get(report).status_code == 403  # has nothing to do with campaigns


def test_a_conversion_is_made_and_put_away(client):
    form = {"name": "Bought", "event_name": "order_placed", "window_days": 7, "attribution": "sent"}

    refused = act(
        client, reverse("admin:analytics_conversion_create"), **{**form, "event_name": "A b"}
    )
    assert "a-z, 0-9 and _" in refused.text
    assert is_done(act(client, reverse("admin:analytics_conversion_create"), **form))
    made = Conversion.objects.get()
    assert (made.workspace, made.attribution, made.amount_property) == (
        client.workspace,
        "sent",
        "",
    )
    assert is_done(act(client, reverse("admin:analytics_conversion_archive", args=[made.pk])))
    assert not Conversion.objects.counting().exists()
