"""People by the thousand: item by item, or all or none; a no stays a no, and few statements."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from subscribers.models import Event, Subscriber, Subscription
from subscribers.states import OptIn
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db
PLACE = {"list": "news", "state": "confirmed", "consent": {"source": "shop"}}


@pytest.fixture
def news():
    return ListFactory(slug="news", opt_in=OptIn.DOUBLE)


@pytest.fixture
def api(news):
    return Api(news.workspace)


def test_each_item_is_judged_by_itself(api, news):
    left = SubscriberFactory(workspace=news.workspace, email="left@example.com", first_name="Lea")
    SubscriptionFactory(list=news, subscriber=left, state="unsubscribed")
    items = [
        {"email": "Ada@Example.com", "first_name": "Ada", "subscriptions": [PLACE]},
        {"email": "bob@example.com", "subscriptions": [{"list": "news"}]},
        {"email": "left@example.com", "last_name": "L", "subscriptions": [PLACE]},
        {"email": "left@example.com"},
        {"email": "ada@example.com", "first_name": "Ada L."},
        {"email": "nope"},
        {"email": "x@example.com", "subscriptions": [{"list": "none"}]},
        None,
    ]

    answer = api("POST", "/subscribers/batch", {"items": items})

    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [one["result"] for one in results] == [
        *("created", "created", "updated", "unchanged", "updated"),
        *("error", "error", "error"),
    ]
    assert answer.json()["summary"] == {"created": 2, "updated": 2, "unchanged": 1, "error": 3}
    assert [one["index"] for one in results] == list(range(8))
    assert results[0]["id"] == results[4]["id"]
    faults = [one["problem"]["errors"][0] for one in results[5:7]]
    assert [(fault["pointer"], fault["code"]) for fault in faults] == [
        ("/email", "invalid_email"),
        ("/subscriptions/0/list", "not_found"),
    ]
    places = Subscription.objects.order_by("subscriber__email")
    assert list(places.values_list("subscriber__email", "state")) == [
        ("Ada@example.com", "confirmed"),
        ("bob@example.com", "pending"),
        ("left@example.com", "unsubscribed"),
    ]
    ada = Subscriber.objects.get(email="Ada@example.com")
    assert ada.first_name == "Ada L."
    log = Event.objects.filter(subscriber=ada).order_by("id")
    assert list(log.values_list("kind", flat=True)) == [
        *("subscriber.created", "subscription.confirmed", "subscriber.updated"),
    ]
    assert log[1].list_id == news.pk


def test_atomic_takes_all_or_none(api):
    good, bad = {"email": "ada@example.com"}, {"email": "nope"}

    refused = api("POST", "/subscribers/batch", {"items": [good, bad], "atomic": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "batch_refused")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/items/1/email"]
    assert not Subscriber.objects.exists()

    taken = api("POST", "/subscribers/batch", {"items": [good], "atomic": True})
    assert (taken.status_code, taken.json()["summary"]["created"]) == (200, 1)


def test_nobody_vouches_without_the_permission(news):
    api = Api(news.workspace, "subscribers:write")
    items = [{"email": "ada@example.com", "subscriptions": [PLACE]}, {"email": "bob@example.com"}]

    [first, second] = api("POST", "/subscribers/batch", {"items": items}).json()["results"]

    assert (first["problem"]["code"], first["problem"]["scope"]) == (
        "scope_missing",
        "subscriptions:confirm",
    )
    assert second["result"] == "created"
    assert not Subscription.objects.exists()


def test_a_thousand_strangers_take_few_statements_and_one_more_is_too_many():
    api = Api(WorkspaceFactory())
    items = [
        {"email": f"u{number}@example.com", "fields": {"plan": "pro"}} for number in range(1000)
    ]

    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = api("POST", "/subscribers/batch", {"items": items})
    assert answer.json()["summary"] == {"created": 1000, "updated": 0, "unchanged": 0, "error": 0}
    assert len(queries) <= 30
    assert Subscriber.objects.filter(fields={"plan": "pro"}).count() == 1000

    more = api("POST", "/subscribers/batch", {"items": [*items, {"email": "x@example.com"}]})
    assert (more.status_code, more.json()["code"]) == (413, "batch_too_large")
    assert not Subscriber.objects.filter(email="x@example.com").exists()
