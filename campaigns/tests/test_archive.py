"""The archive on the web: only what is shown there, and nobody's data in it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import services, showing
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, make_sending
from campaigns.tests.pages import press
from emailseq.lib.errors import StateConflict
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

HTML = (
    '<p>Hello {{ subscriber.first_name | default: "there" }} {{ subscriber.email }}</p>'
    '<p><a href="https://example.com/boats">Boats</a></p>'
    '<p><a href="{{ links.unsubscribe }}">Leave</a> {{ workspace.postal_address }}</p>'
)


@pytest.fixture
def campaign():
    campaign = CampaignFactory(
        list__workspace__slug="harbour", list__workspace__name="Harbour & Co"
    )
    template = TemplateFactory(
        workspace=campaign.workspace,
        subject='News for {{ subscriber.first_name | default: "all" }} <3',
        html=HTML,
        text="",
    )
    Campaign.objects.filter(pk=campaign.pk).update(template=template)
    campaign.refresh_from_db()
    make_audience(1, on=campaign.list)
    services.send(campaign, by=SYSTEM)
    return campaign


def test_what_is_shown_is_there_for_anybody_and_tells_of_nobody(campaign):
    browser, api = Client(), Api(campaign.workspace)
    path = f"/campaigns/{campaign.public_id}"
    page = f"/archive/harbour/{campaign.public_id}"

    assert browser.get(page).status_code == 404
    shown = api("POST", f"{path}/show").json()
    assert shown["web_url"].endswith(page)
    answer = browser.get(page)

    html = answer.content.decode()
    assert "<p>Hello there </p>" in html
    assert 'href="https://example.com/boats"' in html
    assert "example.com" not in html.replace("https://example.com/boats", "")
    for forbidden in ("/o/", "/c/", "/u/", "cookie"):
        assert forbidden not in html
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert not answer.cookies
    index = browser.get("/archive/harbour")
    assert f'<a href="http://127.0.0.1:8000{page}">News for all &lt;3</a>' in index.content.decode()
    feed = browser.get("/archive/harbour/feed.xml")
    assert feed.headers["Content-Type"].startswith("application/rss+xml")
    assert "<title>Harbour &amp; Co</title>" in feed.content.decode()
    assert f"<link>http://127.0.0.1:8000{page}</link>" in feed.content.decode()
    assert api("POST", f"{path}/hide").json()["web_url"] == ""
    assert browser.get(page).status_code == 404
    assert page not in browser.get("/archive/harbour").content.decode()


def test_only_what_was_sent_is_shown_and_only_under_its_own_workspace(campaign):
    draft, other = CampaignFactory(), make_sending(1)
    showing.show(other, by=SYSTEM)

    with pytest.raises(StateConflict):
        showing.show(draft, by=SYSTEM)
    browser = Client()
    assert browser.get(f"/archive/harbour/{other.public_id}").status_code == 404
    assert browser.get("/archive/nowhere").status_code == 404
    assert browser.get("/archive/harbour/cmp_nonsense").status_code == 404
    assert "Nothing is here yet." in browser.get("/archive/harbour").content.decode()
    assert browser.post("/archive/harbour").status_code == 405


def test_what_needs_somebody_in_particular_is_there_by_its_name():
    client = sign_in()
    campaign = CampaignFactory(list=ListFactory(workspace=client.workspace))
    make_audience(1, on=campaign.list)

    def url(verb: str) -> str:
        return reverse(f"admin:campaigns_campaign_{verb}", args=[campaign.pk])

    assert url("show") not in client.get(url("change")).content.decode()
    press(client, campaign)
    assert is_done(act(client, url("show")))
    page = client.get(url("change")).content.decode()
    assert (url("show") in page, url("hide") in page) == (False, True)
    assert showing.url(Campaign.objects.get()) in page
