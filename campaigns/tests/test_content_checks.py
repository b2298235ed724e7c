from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory
from delivery.models import Outbox
from subscribers.services import create_field
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db


def content(campaign: Campaign) -> dict[str, str]:
    """What is said of the content, in sentences by code."""
    found = Api(campaign.workspace)("GET", f"/campaigns/{campaign.public_id}/checks").json()
    said = {one["code"]: one for one in found["warnings"]}
    return {
        code: one["detail"] for code, one in said.items() if one["pointer"].startswith("/template/")
    }


def test_what_recipients_would_see_is_counted_for_them_alone():
    news = ListFactory()
    workspace = news.workspace
    create_field(workspace, key="boat", label="Boat", kind="text", by=SYSTEM)
    people = [
        SubscriberFactory(
            workspace=workspace, first_name=name, fields={"boat": boat} if boat else {}
        )
        for name, boat in (("Ann", "elsa"), ("Ben", ""), ("", "oak"), ("Loop", "oak"))
    ]
    for person in people:
        SubscriptionFactory(list=news, subscriber=person)
    SubscriberFactory(workspace=workspace, first_name="", fields={})  # gets nothing
    campaign = CampaignFactory(
        list=news,
        template__subject="{{ subscriber.first_name }}",
        template__html='<a href="https://harbour.org/{{ subscriber.boat }}">boat</a>'
        '{% if subscriber.first_name == "Loop" %}'
        + "{% for a in (1..900) %}{% for b in (1..900) %}{{ a }}{% endfor %}{% endfor %}"
        + "{% endif %}{{ links.unsubscribe }}{{ workspace.postal_address }}",
    )

    found = content(campaign)

    assert found["field_empty"] == (
        "subscriber.first_name is empty for 1 of 4 people, and has no default."
    )
    assert found["subject_empty"] == "For 1 of 4 people looked at the subject is empty."
    assert found["link_incomplete"] == (
        "For 1 of 4 people looked at a link lacks what makes it theirs."
    )
    assert found["render_failed"] == "For 1 of 4 people looked at it cannot be rendered."
    assert not Outbox.objects.exists()


def test_of_many_some_are_looked_at(monkeypatch):
    monkeypatch.setattr("delivery.rehearsal.LOOKED_AT", 3)
    news = ListFactory()
    for _ in range(9):
        person = SubscriberFactory(workspace=news.workspace, first_name="")
        SubscriptionFactory(list=news, subscriber=person)
    campaign = CampaignFactory(list=news, template__subject="{{ subscriber.first_name }}")

    assert content(campaign)["subject_empty"] == "For 3 of 3 people looked at the subject is empty."
