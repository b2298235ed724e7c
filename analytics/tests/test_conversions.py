"""What people do in the end is credited to the message that led to it, once, with its amount."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from analytics.conversions import reached, reached_in
from analytics.models import Conversion
from analytics.numbers import numbers, numbers_by_step
from analytics.recount import drift
from analytics.tests.factories import NOON, catch_up
from emailseq.lib import clock
from subscribers import events, feed
from subscribers.events import NewEvent
from subscribers.models import Event
from subscribers.tests.factories import SubscriberFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
BOUGHT = {"name": "Bought", "event_name": "order_placed", "amount_property": "total"}


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


def happened(person, kind, *, at, source=("campaign", 7), message=1, verdict="", step=""):
    with clock.frozen(at):
        fact = NewEvent(person.workspace_id, person.pk, f"message.{kind}", at, *source, step)
        events.record_many([fact._replace(message_id=message, verdict=verdict)])


def told(api, person, *, at, name="order_placed", **properties):
    fact = {"subscriber": {"id": person.public_id}, "name": name, "properties": properties}
    with clock.frozen(at):
        assert api("POST", "/events", fact).status_code == 202


def count(at=NOON + timedelta(days=40)):
    with clock.frozen(at):
        catch_up("conversions")
        catch_up()


def test_the_last_message_that_was_clicked_takes_the_credit(api, workspace):
    ada, bob, cid = (SubscriberFactory(workspace=workspace) for _ in range(3))
    api("POST", "/conversions", {**BOUGHT, "window_days": 3})
    for person in (ada, bob, cid):
        happened(person, "sent", at=NOON, message=person.pk)
    happened(ada, "clicked", at=NOON + timedelta(hours=1), message=ada.pk, verdict="human")
    later = {"source": ("sequence", 9), "step": "offer", "message": 900, "verdict": "human"}
    happened(ada, "clicked", at=NOON + timedelta(hours=2), **later)
    happened(bob, "clicked", at=NOON, message=bob.pk, verdict="machine")
    happened(cid, "clicked", at=NOON, message=cid.pk, verdict="human")

    told(api, ada, at=NOON + timedelta(hours=3), total=19.9)
    told(api, ada, at=NOON + timedelta(hours=4), total=5)
    told(api, bob, at=NOON + timedelta(hours=3), total=100)  # a machine's click leads to nothing
    told(api, cid, at=NOON + timedelta(days=3, seconds=1), total=100)  # too late
    told(api, ada, at=NOON + timedelta(hours=3), name="page_seen", total=1)  # counts as nothing
    count()

    offer = numbers_by_step("sequence", 9)["offer"]
    assert (offer.converted, offer.conversions, offer.revenue) == (1, 2, 2490)
    campaign = numbers("campaign", 7)
    assert (campaign.converted, campaign.conversions, campaign.revenue) == (0, 0, 0)
    with clock.frozen(NOON + timedelta(days=5)):
        [whole] = reached_in(workspace, days=30)
    assert (whole.conversions, whole.converted, whole.revenue) == (4, 1, 22490)
    assert drift()[0].book == "log"  # no ledger here: but the rollups are those of the log
    assert [each for each in drift() if each.book == "rollups"] == []


def test_a_message_that_was_only_sent_takes_it_where_that_is_the_model(api, workspace):
    person = SubscriberFactory(workspace=workspace)
    api("POST", "/conversions", {**BOUGHT, "attribution": "sent"})
    happened(person, "sent", at=NOON)
    happened(person, "sent", at=NOON + timedelta(days=2), source=("campaign", 8), message=2)
    told(api, person, at=NOON + timedelta(days=1), total=7)
    count()

    [goal] = reached("campaign", 7)
    assert (goal.conversion.name, goal.conversions, goal.converted, goal.revenue) == (
        *("Bought", 1, 1),
        700,
    )
    assert reached("campaign", 8) == []


def test_a_conversion_waits_until_the_click_before_it_is_judged(api, workspace):
    person = SubscriberFactory(workspace=workspace)
    api("POST", "/conversions", BOUGHT)
    told(api, person, at=NOON + timedelta(seconds=1), total=3)
    with clock.frozen(NOON + timedelta(seconds=10)):
        feed.run("conversions")
    assert not Event.objects.filter(kind="conversion.reached").exists()

    happened(person, "clicked", at=NOON, verdict="human")  # judged seconds later
    count()

    assert numbers("campaign", 7).revenue == 300


@pytest.mark.parametrize("total", ["12", None, True, 1e300, [1], {"a": 1}])
def test_what_is_no_amount_counts_without_one(api, workspace, total):
    person = SubscriberFactory(workspace=workspace)
    api("POST", "/conversions", BOUGHT)
    happened(person, "clicked", at=NOON, verdict="human")
    told(api, person, at=NOON, total=total)
    count()

    found = numbers("campaign", 7)
    assert (found.conversions, found.revenue) == (1, 0)


def test_an_archived_conversion_counts_no_more_and_keeps_its_numbers(api, workspace):
    person = SubscriberFactory(workspace=workspace)
    made = api("POST", "/conversions", BOUGHT).json()
    happened(person, "clicked", at=NOON, verdict="human")
    told(api, person, at=NOON, total=3)
    count()
    assert api("POST", f"/conversions/{made['id']}/archive").json()["archived_at"]
    told(api, person, at=NOON + timedelta(hours=1), total=3)
    count(NOON + timedelta(days=50))

    assert numbers("campaign", 7).revenue == 300
    assert api("GET", "/conversions").json()["data"] == []
    again = api("POST", "/conversions", BOUGHT)
    assert again.status_code == 201
    verbs = AuditEntry.objects.filter(verb__startswith="conversion.").order_by("id")
    assert [*verbs.values_list("verb", flat=True)] == [
        "conversion.created",
        "conversion.archived",
        "conversion.created",
    ]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"event_name": "Order placed"}, 400, "invalid"),
        ({"window_days": 0}, 400, "too_small"),
        ({"window_days": 91}, 400, "too_large"),
        ({"attribution": "guess"}, 400, "invalid_choice"),
        ({"color": "red"}, 400, "unknown_field"),
    ],
)
def test_what_cannot_be_counted_is_refused(api, change, status, code):
    refused = api("POST", "/conversions", {**BOUGHT, **change})

    assert refused.status_code == status
    assert refused.json()["errors"][0]["code"] == code
    assert not Conversion.objects.exists()


def test_two_of_one_name_are_refused(api):
    assert api("POST", "/conversions", BOUGHT).status_code == 201
    assert api("POST", "/conversions", BOUGHT).status_code == 409
