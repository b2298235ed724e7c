from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import sign_in
from campaigns import recurring, services
from campaigns.tests.factories import CampaignFactory
from emailseq.lib import clock
from sequences.tests.factories import EMAIL, make_live, make_runs
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now():
    with clock.frozen(NOW):
        yield


def test_it_shows_campaigns_copies_and_sequences_and_who_gets_two_on_one_day():
    client = sign_in()
    news = ListFactory(workspace=client.workspace)
    make_audience(3, on=news)
    scheduled = CampaignFactory(list=news, name="Spring")
    services.schedule(scheduled, at=NOW + timedelta(days=2), by=SYSTEM)
    weekly = CampaignFactory(list=news, name="Weekly")
    recurring.repeat(weekly, every="week", on=7, at=time(9), by=SYSTEM)
    make_runs(make_live(timedelta(days=1), EMAIL, workspace=client.workspace, name="Welcome"))

    page = client.get(reverse("admin:calendar")).content.decode()

    days = [part.split("</section>")[0] for part in page.split("<section")[1:]]
    saturday, sunday, *later = days
    assert "Welcome" in saturday
    assert "about 1 messages" in saturday
    assert "Sunday, 22 March" in sunday
    assert "about 6 messages" in sunday
    assert "3 people get both “Weekly” and “Spring”." in sunday
    assert ["Weekly" in day and "Spring" not in day for day in later] == [True] * 3


def test_a_workspace_sees_its_own_and_a_role_what_it_may():
    other = CampaignFactory(name="Theirs")
    make_audience(1, on=other.list)
    services.schedule(other, at=NOW + timedelta(days=2), by=SYSTEM)

    assert (
        "Nothing is going to be sent" in sign_in().get(reverse("admin:calendar")).content.decode()
    )
    assert sign_in(role="Operator").get(reverse("admin:calendar")).status_code == 403
