from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import signing
from emailseq.lib.api import pagination
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def people(workspace):
    return [SubscriberFactory(workspace=workspace, email=f"x{name}@a.example") for name in "cabed"]


def walk(api, query, limit=2):
    """The addresses of all pages, page by page; only the first request carries the filters."""
    pages, query = [], f"{query}&limit={limit}"
    while True:
        page = api("GET", f"/subscribers?{query}").json()
        pages.append([row["email"][1] for row in page["data"]])
        if page["next_cursor"] is None:
            return pages
        query = f"limit={limit}&cursor={page['next_cursor']}"


def test_pages_follow_each_other_without_gap_or_overlap(api, people):
    assert walk(api, "") == [["d", "e"], ["b", "a"], ["c"]]
    assert walk(api, "", limit=5) == [["d", "e", "b", "a", "c"]]


def test_what_comes_meanwhile_moves_nothing(api, workspace, people):
    first = api("GET", "/subscribers?limit=2").json()
    SubscriberFactory(workspace=workspace)
    people[4].delete()

    second = api("GET", f"/subscribers?limit=2&cursor={first['next_cursor']}").json()

    assert [row["email"][1] for row in second["data"]] == ["b", "a"]


def test_a_search_is_sorted_by_address(api, workspace, people):
    SubscriberFactory(workspace=workspace, email="z@b.example")

    assert walk(api, "q=X") == [["a", "b"], ["c", "d"], ["e"]]
    assert walk(api, "q=xa") == [["a"]]


def test_a_cursor_carries_its_filters(api, workspace, people):
    news = ListFactory(workspace=workspace, slug="news")
    for person in people[:3]:
        SubscriptionFactory(list=news, subscriber=person)

    assert walk(api, "list=news") == [["b", "a"], ["c"]]
    cursor = api("GET", "/subscribers?list=news&limit=2").json()["next_cursor"]
    repeated = api("GET", f"/subscribers?list=news&cursor={cursor}")
    changed = api("GET", f"/subscribers?list=news&state=pending&cursor={cursor}")

    assert [row["email"][1] for row in repeated.json()["data"]] == ["c"]
    assert (changed.status_code, changed.json()["code"]) == (400, "cursor_invalid")


def test_a_filter_that_is_gone_by_the_next_page_is_404(api, workspace, people):
    news = ListFactory(workspace=workspace, slug="news")
    for person in people:
        SubscriptionFactory(list=news, subscriber=person)
    cursor = api("GET", "/subscribers?list=news&limit=2").json()["next_cursor"]
    news.slug = "digest"
    news.save(update_fields=["slug"])

    assert api("GET", f"/subscribers?cursor={cursor}").status_code == 404


def test_cursors_made_elsewhere_are_refused(api, people):
    cursor = api("GET", "/subscribers?limit=2").json()["next_cursor"]
    head, payload, mac = cursor.rpartition(".")[0].rpartition(".")[0], *cursor.split(".")[-2:]
    place = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    place[3] = 10**9
    forged = urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "Q")

    for wrong in (
        "forged",
        "%00",
        f"{head}.{forged}.{mac}",
        flipped,
        signing.sign("u", json.dumps(place).encode()),
        signing.sign("k", json.dumps([*place[:2], "address_key", "x"]).encode()),
    ):
        answer = api("GET", f"/subscribers?cursor={wrong}")
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), wrong
    assert api("GET", f"/lists?cursor={cursor}").json()["code"] == "cursor_invalid"


def test_only_what_is_selected_is_shown(api, people):
    page = api("GET", "/subscribers?select=email,id&q=xa").json()
    alone = api("GET", f"/subscribers/{people[1].public_id}?select=email").json()
    unknown = api("GET", "/subscribers?select=email,password")

    assert page["data"] == [{"email": "xa@a.example", "id": people[1].public_id}]
    assert alone == {"email": "xa@a.example"}
    assert [one["pointer"] for one in unknown.json()["errors"]] == ["/select"]
    assert unknown.status_code == 400


def test_a_count_is_of_what_the_filters_leave_and_ends_somewhere(api, people, monkeypatch):
    def counted(query):
        page = api("GET", f"/subscribers?limit=2&{query}").json()
        return page.get("count"), page.get("count_capped")

    assert counted("") == (None, None)
    assert counted("include=count") == (5, False)
    assert counted("include=count&q=xa") == (1, False)
    monkeypatch.setattr(pagination, "MOST_COUNTED", 4)
    assert counted("include=count") == (4, True)
    assert api("GET", "/subscribers?include=people").status_code == 400
