from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from subscribers.models import Event, Subscriber, Subscription, Suppression
from subscribers.states import FieldKind, OptIn, SubscriptionState
from subscribers.tests.factories import (
    CustomFieldFactory,
    ListFactory,
    SubscriberFactory,
    SubscriptionFactory,
    make_people,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONSENT = {"source": "checkout", "text": "Yes, send me news", "ip": "203.0.113.7"}


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def newsletter(workspace):
    return ListFactory(workspace=workspace, slug="newsletter")


def faults(answer):
    assert answer.status_code == 400
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


def test_a_person_is_made_and_found_again(api, workspace):
    with clock.frozen(NOON):
        made = api(
            "POST",
            "/subscribers",
            {
                "email": "Ada@Example.COM",
                "first_name": "Ada",
                "time_zone": "Europe/Berlin",
                "fields": {"plan": "pro"},
            },
        )

    person = Subscriber.objects.get()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/subscribers/{person.public_id}"
    assert made.json() == {
        "id": person.public_id,
        "email": "Ada@example.com",
        "first_name": "Ada",
        "last_name": "",
        "time_zone": "Europe/Berlin",
        "fields": {"plan": "pro"},
        "subscriptions": [],
        "tags": [],
        "created_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z",
        "archived_at": None,
        "erased_at": None,
        "frequency": "all",
        "engagement": 0,
        "language": "",
        "snoozed_until": None,
    }
    assert api("GET", made.headers["Location"]).json() == made.json()


def test_what_is_wrong_is_said_all_at_once(api):
    answer = api(
        "POST",
        "/subscribers",
        {"email": "nope", "surname": "x", "first_name": "x" * 101, "fields": 1},
    )

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert faults(answer) == {
        ("/email", "invalid_email"),
        ("/surname", "unknown_field"),
        ("/first_name", "too_long"),
        ("/fields", "not_a_dict"),
    }
    assert answer.json()["code"] == "invalid"
    assert answer.json()["detail"] == "4 members need attention."
    assert not Subscriber.objects.exists()


def test_what_only_the_verb_can_tell_is_said_with_pointers_too(api, workspace):
    CustomFieldFactory(workspace=workspace, key="seats", kind=FieldKind.NUMBER)
    body = {"email": "ada@example.com"}

    wrong_type = api("POST", "/subscribers", {**body, "fields": {"seats": "three"}})
    wrong_zone = api("POST", "/subscribers", {**body, "time_zone": "Mars/Olympus"})

    assert faults(wrong_type) == {("/fields/seats", "field_type")}
    assert faults(wrong_zone) == {("/time_zone", "invalid_time_zone")}


def test_a_known_address_is_a_duplicate_and_is_left_alone(api, workspace):
    known = SubscriberFactory(workspace=workspace, email="ada@example.com", first_name="Ada")

    answer = api("POST", "/subscribers", {"email": "ADA@example.com", "first_name": "Eve"})

    known.refresh_from_db()
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate")
    assert answer.json()["id"] == known.public_id
    assert known.first_name == "Ada"


def test_a_change_merges_and_null_clears(api, workspace):
    person = SubscriberFactory(workspace=workspace, fields={"plan": "pro", "seats": 3})

    answer = api(
        "PATCH",
        f"/subscribers/{person.public_id}",
        {"first_name": None, "fields": {"seats": None, "city": "Rome"}},
    )

    assert answer.status_code == 200
    assert answer.json()["first_name"] == ""
    assert answer.json()["last_name"] == "Lovelace"
    assert answer.json()["fields"] == {"plan": "pro", "city": "Rome"}


def test_an_address_cannot_be_changed(api, workspace):
    person = SubscriberFactory(workspace=workspace)

    answer = api("PATCH", f"/subscribers/{person.public_id}", {"email": "eve@example.com"})

    assert faults(answer) == {("/email", "unknown_field")}


def test_an_upsert_makes_then_merges_then_changes_nothing(api, newsletter):
    body = {
        "first_name": "Ada",
        "subscriptions": [{"list": "newsletter", "state": "confirmed", "consent": CONSENT}],
    }

    first = api("PUT", "/subscribers/by-email/ada@example.com", body)
    again = api("PUT", "/subscribers/by-email/ADA@EXAMPLE.com", body)
    other = api("PUT", "/subscribers/by-email/ada@example.com", {"last_name": "King"})

    assert [first.status_code, again.status_code, other.status_code] == [201, 200, 200]
    assert [answer.json()["changed"] for answer in (first, again, other)] == [True, False, True]
    assert len({answer.json()["id"] for answer in (first, again, other)}) == 1
    assert other.json()["first_name"] == "Ada"
    assert [place["list"] for place in other.json()["subscriptions"]] == [newsletter.public_id]
    assert other.json()["subscriptions"][0]["state"] == "confirmed"
    place = Subscription.objects.get()
    assert (place.consent_source, place.consent_text) == ("checkout", "Yes, send me news")
    assert place.consent_ip == "203.0.113.7"
    assert Event.objects.filter(kind="subscription.confirmed").count() == 1


def test_an_upsert_takes_addresses_as_people_write_them(api):
    answer = api("PUT", "/subscribers/by-email/j%C3%BCrgen+a%2Fb@m%C3%BCller.example", {})

    assert answer.status_code == 201
    assert answer.json()["email"] == "jürgen+a/b@xn--mller-kva.example"


def test_an_upsert_of_something_else_is_refused(api):
    assert faults(api("PUT", "/subscribers/by-email/nope", {})) == {("/email", "invalid_email")}


def test_without_a_state_the_opt_in_of_the_list_decides(api, workspace, newsletter):
    ListFactory(workspace=workspace, slug="news", opt_in=OptIn.SINGLE)

    answer = api(
        "PUT",
        "/subscribers/by-email/ada@example.com",
        {"subscriptions": [{"list": "newsletter"}, {"list": "news"}]},
    )

    assert [place["state"] for place in answer.json()["subscriptions"]] == ["pending", "confirmed"]


def test_confirming_takes_consent_and_a_permission_of_its_own(workspace, newsletter):
    humble = Api(workspace, "subscribers:write")
    place = {"list": "newsletter", "state": "confirmed"}
    person = SubscriberFactory(workspace=workspace)

    no_consent = humble("PUT", "/subscribers/by-email/a@example.com", {"subscriptions": [place]})
    answers = [
        humble(
            "PUT",
            "/subscribers/by-email/a@example.com",
            {"subscriptions": [{**place, "consent": CONSENT}]},
        ),
        humble(
            "POST",
            "/subscribers",
            {"email": "a@example.com", "subscriptions": [{**place, "consent": CONSENT}]},
        ),
        humble("POST", f"/subscribers/{person.public_id}/subscribe", {**place, "consent": CONSENT}),
    ]

    assert faults(no_consent) == {("/subscriptions/0/consent", "required")}
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
        assert answer.json()["scope"] == "subscriptions:confirm"
    assert Subscriber.objects.count() == 1
    assert not Subscription.objects.exists()


def test_who_has_left_is_not_revived(api, workspace, newsletter):
    person = SubscriberFactory(workspace=workspace, email="ada@example.com")
    SubscriptionFactory(list=newsletter, subscriber=person)

    left = api("POST", f"/subscribers/{person.public_id}/unsubscribe", {"list": "newsletter"})
    again = api(
        "PUT",
        "/subscribers/by-email/ada@example.com",
        {"subscriptions": [{"list": "newsletter", "state": "confirmed", "consent": CONSENT}]},
    )

    assert left.json()["subscriptions"][0]["state"] == "unsubscribed"
    assert again.json()["subscriptions"][0]["state"] == "unsubscribed"
    assert again.json()["changed"] is False


def test_subscribing_adds_a_place(api, workspace, newsletter):
    person = SubscriberFactory(workspace=workspace)

    answer = api(
        "POST", f"/subscribers/{person.public_id}/subscribe", {"list": newsletter.public_id}
    )

    assert answer.status_code == 200
    assert answer.json()["subscriptions"][0]["state"] == "pending"


def test_leaving_everything_suppresses(api, workspace, newsletter):
    person = SubscriberFactory(workspace=workspace)
    SubscriptionFactory(list=newsletter, subscriber=person)

    answer = api(
        "POST", f"/subscribers/{person.public_id}/unsubscribe", {"reason": "asked by phone"}
    )

    assert answer.json()["subscriptions"][0]["state"] == "unsubscribed"
    assert Suppression.objects.get().address_key == person.address_key


def test_lists_that_are_unknown_archived_or_foreign_are_the_same(api, workspace):
    archived = ListFactory(workspace=workspace, archived_at=clock.now())
    foreign = ListFactory()
    wanted = ["nope", archived.slug, foreign.slug, foreign.public_id, "lst_" + "0" * 26, 7]

    answer = api(
        "POST",
        "/subscribers",
        {"email": "a@example.com", "subscriptions": [{"list": name} for name in wanted]},
    )

    assert faults(answer) == {(f"/subscriptions/{n}/list", "not_found") for n in range(6)}


def test_archiving_is_reversible(api, workspace):
    person = SubscriberFactory(workspace=workspace)
    path = f"/subscribers/{person.public_id}"

    archived = api("DELETE", path)
    hidden, shown = api("GET", "/subscribers"), api("GET", "/subscribers?archived=true")
    restored = api("POST", f"{path}/restore")

    assert archived.status_code == 204
    assert archived.content == b""
    assert hidden.json()["data"] == []
    assert [row["id"] for row in shown.json()["data"]] == [person.public_id]
    assert restored.json()["archived_at"] is None
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True))[-2:] == [
        "subscriber.archived",
        "subscriber.restored",
    ]


def test_filters_by_address_list_and_state(api, workspace, newsletter):
    ada, bob, cid = (
        SubscriberFactory(workspace=workspace, email=f"{name}@example.com")
        for name in ("ada", "bob", "cid")
    )
    SubscriptionFactory(list=newsletter, subscriber=ada)
    SubscriptionFactory(list=newsletter, subscriber=bob, state=SubscriptionState.PENDING)
    SubscriptionFactory(list=ListFactory(workspace=workspace), subscriber=bob)

    def found(query):
        return [row["email"] for row in api("GET", f"/subscribers?{query}").json()["data"]]

    assert found("") == [cid.email, bob.email, ada.email]
    assert found("q=AD") == [ada.email]
    assert found("q=%25") == []
    assert found("list=newsletter") == [bob.email, ada.email]
    assert found(f"list={newsletter.public_id}&state=confirmed") == [ada.email]
    assert found("state=pending") == [bob.email]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("colour=red", ("/colour", "unknown_field")),
        ("state=happy", ("/state", "invalid_choice")),
        ("archived=perhaps", ("/archived", "invalid")),
        ("q=%00", ("/q", "invalid_characters")),
        ("limit=0", ("/limit", "invalid")),
        ("limit=201", ("/limit", "invalid")),
        ("limit=many", ("/limit", "invalid")),
        ("limit=%C2%B2", ("/limit", "invalid")),
    ],
)
def test_wrong_queries_are_refused(api, query, fault):
    assert faults(api("GET", f"/subscribers?{query}")) == {fault}


def test_a_filter_by_a_strange_list_is_404(api):
    foreign = ListFactory()

    for name in (foreign.slug, foreign.public_id, "nope"):
        assert api("GET", f"/subscribers?list={name}").status_code == 404


@pytest.mark.parametrize(
    "name", ["", "%00", "sub_x", "lst_" + "0" * 26, "1", "../lists", "%F0%9F%92%A9"]
)
def test_what_is_no_id_is_404(api, workspace, name):
    SubscriberFactory(workspace=workspace)

    assert api("GET", f"/subscribers/{name}").status_code == 404


def test_a_page_costs_the_same_however_long_it_is(
    api, workspace, newsletter, django_assert_max_num_queries
):
    for person in make_people(5, workspace=workspace):
        SubscriptionFactory(list=newsletter, subscriber=person)
    api("GET", "/me")  # notes the use of the key once a minute

    with django_assert_max_num_queries(5):
        assert len(api("GET", "/subscribers").json()["data"]) == 5


def test_what_is_odd_about_an_address_is_told_and_kept(api):
    odd = api("PUT", "/subscribers/by-email/info@gmial.com", {})
    fine = api("PUT", "/subscribers/by-email/ada@harbour.org", {})

    assert odd.status_code == 201
    assert odd.json()["email"] == "info@gmial.com"
    assert [(hint["code"], hint["suggestion"]) for hint in odd.json()["hints"]] == [
        ("typo", "info@gmail.com"),
        ("role", ""),
    ]
    assert fine.json()["hints"] == []
