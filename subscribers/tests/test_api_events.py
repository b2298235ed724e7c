from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import APIKey
from accounts.tests.api import Api
from accounts.tests.factories import MembershipFactory, WorkspaceFactory
from emailseq.lib import clock
from subscribers import tasks
from subscribers.models import Event, EventKey, Subscriber, Subscription
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return SubscriberFactory(email="ada@example.com")


@pytest.fixture
def api(ada):
    return Api(ada.workspace)


def told(workspace):
    events = Event.objects.of(workspace).filter(kind="custom").order_by("id")
    return [(event.name, event.subscriber.email, event.properties) for event in events]


def order(email="ada@example.com", **members):
    return {"name": "order_placed", "subscriber": {"email": email}, **members}


def test_a_fact_is_in_the_log_when_it_is_accepted(api, ada):
    happened = clock.now() - timedelta(hours=1)
    body = order(properties={"total": 12.5, "lines": [{"sku": "x"}]})

    answer = api("POST", "/events", {**body, "occurred_at": happened.isoformat()})

    event = Event.objects.get(kind="custom")
    assert answer.status_code == 202
    assert answer.json() == {"id": event.public_id, "result": "accepted"}
    assert (event.workspace, event.subscriber, event.name) == (ada.workspace, ada, "order_placed")
    assert event.properties == {"total": 12.5, "lines": [{"sku": "x"}]}
    assert (event.occurred_at, event.late) == (happened, False)
    assert not EventKey.objects.exists()


def test_the_person_is_named_by_id_or_by_address(api, ada):
    by_id = {"name": "seat_added", "subscriber": {"id": ada.public_id}}

    assert api("POST", "/events", by_id).status_code == 202
    assert api("POST", "/events", order("ADA@Example.com")).status_code == 202
    assert told(ada.workspace) == [
        ("seat_added", "ada@example.com", {}),
        ("order_placed", "ada@example.com", {}),
    ]
    assert Subscriber.objects.count() == 1


def test_a_fact_is_taken_once_for_its_id(api, ada):
    first = api("POST", "/events", order(id="order-7")).json()

    again = api("POST", "/events", order(id="order-7", properties={"total": 1}))

    assert (again.status_code, again.json()) == (202, {"id": first["id"], "result": "duplicate"})
    assert told(ada.workspace) == [("order_placed", "ada@example.com", {})]


def test_the_same_id_in_two_workspaces_means_two_facts(api, ada):
    other = Api(WorkspaceFactory())

    answers = [call("POST", "/events", order(id="order-7")).json() for call in (api, other)]

    assert [answer["result"] for answer in answers] == ["accepted", "accepted"]
    assert answers[0]["id"] != answers[1]["id"]


def test_ids_are_forgotten_after_a_month_and_no_sooner(api):
    def days_later(days):
        with clock.frozen(clock.now() + timedelta(days=days)):
            return tasks.forget_event_keys()

    first = api("POST", "/events", order(id="order-7")).json()
    assert days_later(29) == 0
    assert api("POST", "/events", order(id="order-7")).json()["id"] == first["id"]

    assert days_later(31) == 1
    assert api("POST", "/events", order(id="order-7")).json()["result"] == "accepted"


def test_an_unknown_address_makes_a_person_without_any_consent(api, ada):
    assert api("POST", "/events", order("new@example.com")).status_code == 202

    person = Subscriber.objects.get(address_key="new@example.com")
    events = Event.objects.filter(subscriber=person).order_by("id")
    assert [event.kind for event in events] == ["subscriber.created", "custom"]
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(
    ("whom", "pointer"),
    [
        ({"email": "new@example.com"}, "/subscriber"),
        ({"id": "sub_00000000000000000000000000"}, "/subscriber"),
        ({"id": "nobody"}, "/subscriber/id"),
    ],
)
def test_an_unknown_person_can_be_a_fault(api, whom, pointer):
    body = {"name": "x", "subscriber": whom, "on_unknown": "reject"}

    answer = api("POST", "/events", body)

    assert answer.status_code == 400
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (pointer, "not_found")
    assert Subscriber.objects.count() == 1
    assert not Event.objects.filter(kind="custom").exists()


def test_a_person_of_another_workspace_is_not_there(api):
    stranger = SubscriberFactory()

    answer = api("POST", "/events", {"name": "x", "subscriber": {"id": stranger.public_id}})

    assert answer.json()["errors"][0]["code"] == "not_found"
    assert not Event.objects.filter(kind="custom").exists()


@pytest.mark.parametrize(
    ("hours", "late"), [(0, False), (71, False), (73, True), (24 * 365 * 20, True)]
)
def test_what_is_told_late_is_kept_and_marked(api, hours, late):
    happened = clock.now() - timedelta(hours=hours)

    answer = api("POST", "/events", order(occurred_at=happened.isoformat()))

    assert answer.json()["result"] == "accepted"
    assert Event.objects.get(kind="custom").late is late
    assert api("GET", "/events").json()["data"][0]["late"] is late


def test_how_late_is_too_late_is_a_setting(api, settings):
    settings.EVENT_LATE_AFTER = timedelta(hours=1)
    happened = clock.now() - timedelta(hours=2)

    api("POST", "/events", order(occurred_at=happened.isoformat()))

    assert Event.objects.get(kind="custom").late


def test_a_clock_may_be_fast_by_five_minutes(api):
    def ahead(seconds):
        happens = clock.now() + timedelta(seconds=seconds)
        return api("POST", "/events", order(occurred_at=happens.isoformat()))

    assert ahead(290).status_code == 202
    refused = ahead(310)
    assert refused.status_code == 400
    [fault] = refused.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/occurred_at", "in_future")
    assert Event.objects.filter(kind="custom").count() == 1


def nested(levels):
    return {"x": nested(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize(
    ("members", "faults"),
    [
        ({"name": "Order Placed"}, {("/name", "invalid")}),
        ({"name": "9lives"}, {("/name", "invalid")}),
        ({"name": "x" * 65}, {("/name", "invalid")}),
        ({"name": "order_placed\n"}, None),
        ({"name": ""}, {("/name", "required")}),
        ({"id": "x" * 65}, {("/id", "too_long")}),
        ({"id": "x" * 64}, None),
        ({"subscriber": {}}, {("/subscriber", "required")}),
        ({"subscriber": {"id": "sub_x", "email": "a@b.de"}}, {("/subscriber", "required")}),
        ({"subscriber": {"email": "nobody"}}, {("/subscriber/email", "invalid_email")}),
        ({"subscriber": {"email": "a@b.de", "vip": 1}}, {("/subscriber/vip", "unknown_field")}),
        ({"surprise": 1}, {("/surprise", "unknown_field")}),
        ({"on_unknown": "ignore"}, {("/on_unknown", "invalid_choice")}),
        ({"occurred_at": "yesterday"}, {("/occurred_at", "invalid")}),
        ({"properties": []}, {("/properties", "not_a_dict")}),
        ({"properties": {str(n): n for n in range(100)}}, None),
        ({"properties": {str(n): n for n in range(101)}}, {("/properties", "too_many")}),
        ({"properties": {"x": {str(n): 0 for n in range(101)}}}, {("/properties", "too_many")}),
        ({"properties": nested(5)}, None),
        ({"properties": nested(6)}, {("/properties", "too_deep")}),
        ({"properties": {"x": [[[[]]]]}}, None),
        ({"properties": {"x": [[[[[]]]]]}}, {("/properties", "too_deep")}),
        ({"properties": {"x": "y" * (32 * 1024 - 9)}}, None),
        ({"properties": {"x": "y" * (32 * 1024 - 8)}}, {("/properties", "too_long")}),
        ({"properties": {"x": "ü" * 16 * 1024}}, {("/properties", "too_long")}),
        ({"properties": {"x": "a\0b"}}, {("/properties/x", "invalid_characters")}),
        ({"id": "\0"}, {("/id", "invalid_characters")}),
        ({"name": "X", "id": "y" * 65}, {("/name", "invalid"), ("/id", "too_long")}),
    ],
)
def test_every_fault_is_named_and_nothing_is_kept(api, members, faults):
    answer = api("POST", "/events", order(**members))

    if faults is None:
        assert answer.status_code == 202
        return
    assert answer.status_code == 400
    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == faults
    assert not Event.objects.filter(kind="custom").exists()
    assert not EventKey.objects.exists()


def test_a_batch_says_of_each_item_what_became_of_it(api, ada):
    api("POST", "/events", order(id="known"))
    items = [
        order(id="first", properties={"n": 1}),
        order(id="known"),
        order("nobody"),
        order(id="first", properties={"n": 2}),
        order("new@example.com", on_unknown="reject"),
        {"name": "order_placed"},
        None,
        order(surprise=1),
        order("new@example.com", id="second"),
    ]

    answer = api("POST", "/events/batch", {"items": items})

    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [result["index"] for result in results] == list(range(9))
    assert [result["result"] for result in results] == [
        *("accepted", "duplicate", "error", "duplicate", "accepted", "error"),
        *("error", "error", "accepted"),
    ]
    assert results[3]["id"] == results[0]["id"] != results[1]["id"]
    assert [
        [(fault["pointer"], fault["code"]) for fault in result["problem"]["errors"]]
        for result in results
        if result["result"] == "error"
    ] == [
        [("/subscriber/email", "invalid_email")],
        [("/subscriber", "required")],
        [("", "required")],
        [("/surprise", "unknown_field")],
    ]
    assert results[2]["problem"]["code"] == "invalid"
    assert answer.json()["summary"] == {"accepted": 3, "duplicate": 2, "error": 4}
    assert told(ada.workspace) == [
        ("order_placed", "ada@example.com", {}),
        ("order_placed", "ada@example.com", {"n": 1}),
        ("order_placed", "new@example.com", {}),
        ("order_placed", "new@example.com", {}),
    ]


def test_a_batch_takes_a_thousand_items_and_twelve_queries(ada):
    """Of people known by id, known by address and new, with names and properties never seen."""
    owner = MembershipFactory(workspace=ada.workspace, role="Owner")
    api = Api(ada.workspace, "events:write")
    APIKey.objects.update(created_by=owner.user)
    items = [
        {
            "id": f"order-{number}",
            "name": f"bought_{number % 7}",
            "subscriber": {"id": ada.public_id}
            if number % 3
            else {"email": f"person-{number}@example.com"},
            "properties": {"total": number, f"only_{number % 5}": True},
        }
        for number in range(1000)
    ]

    with CaptureQueriesContext(connection) as queries:
        answer = api("POST", "/events/batch", {"items": items})

    assert answer.json()["summary"] == {"accepted": 1000, "duplicate": 0, "error": 0}
    assert len(queries) <= 12
    assert Event.objects.filter(kind="custom").count() == 1000
    assert Subscriber.objects.count() == 1 + 334
    again = api("POST", "/events/batch", {"items": items}).json()
    assert again["summary"] == {"accepted": 0, "duplicate": 1000, "error": 0}
    assert Event.objects.filter(kind="custom").count() == 1000


def test_one_event_takes_six_queries(api):
    api("POST", "/events", order(id="before"))

    with CaptureQueriesContext(connection) as queries:
        assert api("POST", "/events", order(id="after")).status_code == 202

    assert len(queries) <= 6


def test_more_than_a_batch_takes_is_refused_whole(api):
    many = api("POST", "/events/batch", {"items": [order()] * 1001})
    large = api("POST", "/events/batch", {"items": [order(properties={"x": "y" * 30_000})] * 40})
    none = api("POST", "/events/batch", {"items": []})

    assert (many.status_code, many.json()["code"]) == (413, "batch_too_large")
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert (none.status_code, none.json()["errors"][0]["pointer"]) == (400, "/items")
    assert not Event.objects.filter(kind="custom").exists()


def test_the_list_is_newest_first_and_filtered(api, ada):
    other = SubscriberFactory(workspace=ada.workspace)
    for number in range(3):
        api("POST", "/events", order(properties={"n": number}))
    api("POST", "/events", {"name": "seat_added", "subscriber": {"id": other.public_id}})
    SubscriberFactory()

    page = api("GET", "/events?name=order_placed&limit=2").json()
    rest = api("GET", f"/events?cursor={page['next_cursor']}").json()

    assert [event["properties"]["n"] for event in page["data"] + rest["data"]] == [2, 1, 0]
    assert rest["next_cursor"] is None
    [seat] = api("GET", f"/events?subscriber={other.public_id}").json()["data"]
    assert (seat["name"], seat["subscriber"]) == ("seat_added", other.public_id)
    assert set(seat) == {
        *("id", "name", "subscriber", "occurred_at", "recorded_at", "late", "properties")
    }
    with CaptureQueriesContext(connection) as queries:
        assert len(api("GET", "/events").json()["data"]) == 4
    assert len(queries) <= 4


def test_the_catalogue_names_what_has_been_seen(api):
    api("POST", "/events", order(properties={"total": 1, "vip": True, "note": None}))
    api("POST", "/events", order(properties={"total": "free", "lines": [], "to": {}, "sku": "x"}))
    api("POST", "/events", {"name": "seat_added", "subscriber": {"email": "ada@example.com"}})
    Api(WorkspaceFactory())("POST", "/events", order(properties={"theirs": 1}))

    seen = api("GET", "/events/catalogue").json()["data"]

    assert {one["name"]: one["properties"] for one in seen} == {
        "order_placed": {
            "total": "number",
            "vip": "boolean",
            "lines": "list",
            "to": "group",
            "sku": "text",
        },
        "seat_added": {},
    }


def test_the_catalogue_does_not_grow_without_end(api):
    def batch(items):
        assert api("POST", "/events/batch", {"items": items}).json()["summary"]["error"] == 0

    for start in range(0, 300, 50):
        batch([order(properties={f"p{start + n}": 1 for n in range(50)})])
    batch([{**order(), "name": f"name_{n}"} for n in range(1000)])
    batch([{**order(), "name": "one_more"}])

    names = Counter()
    cursor = ""
    while cursor is not None:
        page = api("GET", f"/events/catalogue?limit=200&cursor={cursor}").json()
        names.update({one["name"]: len(one["properties"]) for one in page["data"]})
        cursor = page["next_cursor"]
    assert names["order_placed"] == 200
    assert len(names) == 1001
    assert "one_more" not in names


def test_events_take_a_scope_of_their_own(ada):
    humble = Api(ada.workspace, "subscribers:write", "lists:write")
    teller = Api(ada.workspace, "events:write")

    assert humble("POST", "/events", order()).json()["scope"] == "events:write"
    assert humble("POST", "/events/batch", {"items": []}).json()["scope"] == "events:write"
    assert humble("GET", "/events/catalogue").json()["scope"] == "events:read"
    assert humble("GET", "/events").status_code == 200
    assert teller("POST", "/events", order()).status_code == 202
    assert teller("GET", "/events/catalogue").status_code == 200
    assert teller("GET", "/events").json()["scope"] == "subscribers:read"


def test_lists_and_rules_read_their_indexes(api, ada):
    """However many messages were sent to whom."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO subscribers_event (xid, workspace_id, subscriber_id, kind, occurred_at,"
            " source_kind, source_id, step_key, variant, verdict, properties, name) "
            "SELECT n, %(workspace)s, %(ada)s + n %% 1000,"
            "       CASE WHEN n %% 10 = 0 THEN 'custom' ELSE 'message.sent' END, now(), '', 0,"
            "       '', '', '', '{}', CASE WHEN n %% 10 = 0 THEN 'name_' || n %% 97 ELSE '' END"
            "  FROM generate_series(1, 20000) AS n",
            {"workspace": ada.workspace_id, "ada": ada.pk},
        )
        cursor.execute("ANALYZE subscribers_event")
        for path in ("/events", "/events?name=name_3"):
            with CaptureQueriesContext(connection) as queries:
                assert api("GET", path).status_code == 200
            [query] = [one["sql"] for one in queries if "subscribers_event" in one["sql"]]
            cursor.execute(f"EXPLAIN {query}")
            plan = json.dumps(cursor.fetchall())
            assert f"Seq Scan on subscribers_event_{clock.now():%Y_%m}" not in plan
            assert f"subscribers_event_{clock.now():%Y_%m}_workspace_id" in plan
