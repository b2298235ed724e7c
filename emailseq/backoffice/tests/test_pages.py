"""Pages that belong to no model (dashboard, inbox, workspaces), and what takes several apps."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import MembershipFactory, WorkspaceFactory
from analytics import services as analytics
from analytics.models import Total
from analytics.tests.factories import make_key
from campaigns.tests.factories import CampaignFactory
from delivery import kinds
from delivery.models import Lease
from delivery.tests.test_inbox import keep
from emailseq.backoffice.mixins import CappedPaginator
from emailseq.celery import TICKS
from emailseq.lib import clock
from sequences.tests.factories import DAY, EMAIL, make_live, make_runs
from subscribers.models import Cursor, Subscriber
from subscribers.tests.factories import ListFactory, make_people

pytestmark = pytest.mark.django_db

DASHBOARD = "/admin/"


def count(workspace, kind: str, number: int, *, verdict: str = "", first: int = 0) -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    key = make_key(workspace, kind, hour=hour, verdict=verdict)
    analytics.add({key: Total(number, first)})


def test_the_dashboard_sums_up_the_last_month_of_its_own_workspace():
    client = sign_in()
    count(client.workspace, kinds.MESSAGE_SENT, 1200)
    count(client.workspace, kinds.MESSAGE_OPENED, 700, verdict="human", first=600)
    count(client.workspace, kinds.MESSAGE_OPENED, 5000, verdict="machine", first=900)
    count(client.workspace, kinds.MESSAGE_SKIPPED, 7)
    count(client.workspace, kinds.MESSAGE_UNSUBSCRIBED, 2)
    count(WorkspaceFactory(), kinds.MESSAGE_SENT, 10_000)

    context = client.get(DASHBOARD).context

    figures = {figure.label: figure.value for figure in context["figures"]}
    assert figures == {
        "Sent": "1,200",
        "Opened by people": "50\u202f%",
        "Clicked": "0\u202f%",
        "Unsubscribed": "0.2\u202f%",
        "Not sent": "7",
    }
    chart = json.loads(context["chart"])
    assert len(chart["labels"]) == 30
    assert [series["data"][-1] for series in chart["datasets"]] == [0, 600, 1200]
    assert sum(map(sum, (series["data"] for series in chart["datasets"]))) == 1800


def test_the_dashboard_lists_what_is_running():
    client = sign_in()
    quiet = make_live(EMAIL, workspace=client.workspace, name="Quiet")
    busy = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace, name="Busy")
    make_runs(busy, 2)

    context = client.get(DASHBOARD).context

    assert [(row.name, row.people) for row in context["sequences"]] == [("Busy", 2), ("Quiet", 0)]
    assert quiet in context["sequences"]


def test_the_dashboard_says_what_needs_a_person():
    client = sign_in()
    for task, _, _ in TICKS.values():
        cache.set(f"tick:{task}", clock.now().timestamp())
    soon = clock.now() + timedelta(minutes=1)
    Lease.objects.create(token=uuid.uuid4(), worker="here", until=soon)
    assert "Needs attention" not in client.get(DASHBOARD).content.decode()

    Cursor.objects.create(
        name="rollups", parked_at=clock.now(), parked_event_id=7, parked_reason="<b>Boom</b>"
    )
    page = client.get(DASHBOARD).content.decode()

    assert "Cannot handle event 7, and waits: &lt;b&gt;Boom&lt;/b&gt;" in page
    assert "No pump is alive" not in page


def test_the_dashboard_stands_without_valkey(settings):
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }

    page = sign_in().get(DASHBOARD)

    assert page.status_code == 200
    assert "Valkey does not answer" in page.content.decode()


def test_the_inbox_shows_what_was_caught(settings, tmp_path):
    settings.INBOX_DIR = tmp_path
    client = sign_in()
    for number in range(1, 53):
        keep(tmp_path, number, workspace=client.workspace.slug, subject=f"Number {number}.")

    first = client.get(reverse("admin:inbox")).content.decode()
    older = client.get(reverse("admin:inbox"), {"before": "3"}).content.decode()

    assert "Number 52." in first
    assert 'href="?before=3"' in first
    assert "Number 2." not in first
    assert "Number 2." in older
    assert "Older" not in older


def test_a_caught_message_is_shown_in_a_sandbox(settings, tmp_path):
    settings.INBOX_DIR = tmp_path
    client = sign_in()
    hostile = "<script>alert(1)</script><p>Hello</p>"
    keep(tmp_path, 1, workspace=client.workspace.slug, subject=hostile, html=hostile, text=hostile)

    page = client.get(reverse("admin:inbox_message", args=[1])).content.decode()
    frame = client.get(reverse("admin:inbox_html", args=[1]))
    source = client.get(reverse("admin:inbox_source", args=[1]))

    assert hostile not in page
    assert 'sandbox src="/admin/inbox/1/html/"' in page
    assert hostile in frame.content.decode()
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert source.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("page", ["message", "html", "source"])
def test_a_message_of_another_workspace_is_not_there(settings, tmp_path, page):
    settings.INBOX_DIR = tmp_path
    keep(tmp_path, 1, workspace="elsewhere")
    client = sign_in()

    for number in (1, 2):
        assert client.get(reverse(f"admin:inbox_{page}", args=[number])).status_code == 404


def test_people_change_between_their_workspaces_by_post():
    client = sign_in()
    other = MembershipFactory(user=client.user, role="Analyst", workspace__name="The other one")
    foreign = WorkspaceFactory()
    workspaces = reverse("admin:workspaces")

    assert "Change workspace" in client.get(DASHBOARD).content.decode()
    assert "The other one" in client.get(workspaces).content.decode()
    assert client.post(workspaces, {"workspace": foreign.pk}).status_code == 404
    assert client.post(workspaces, {"workspace": "x"}).status_code == 404
    assert client.post(workspaces, {"workspace": other.workspace_id}).status_code == 302

    assert client.get(DASHBOARD).wsgi_request.workspace == other.workspace
    assert client.get(reverse("admin:accounts_apikey_changelist")).status_code == 403


def test_times_are_shown_in_the_zone_of_the_workspace():
    client = sign_in(workspace=WorkspaceFactory(time_zone="Asia/Kolkata"))
    [person] = make_people(1, workspace=client.workspace)
    person.created_at = "2026-11-24T20:00:00Z"
    person.save()

    page = client.get(reverse("admin:subscribers_subscriber_changelist")).content.decode()

    assert "25 Nov 2026, 01:30" in page


def test_a_big_table_is_not_counted_to_its_end(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(CappedPaginator, "LIMIT", 3)
    make_people(5, workspace=WorkspaceFactory())
    paginator = CappedPaginator(Subscriber.objects.order_by("-id"), 2)

    with django_assert_num_queries(1):
        assert (paginator.count, paginator.more, paginator.num_pages) == (4, True, 2)


def test_a_list_is_renamed_hidden_and_put_away():
    client = sign_in()
    news = ListFactory(workspace=client.workspace, name="News")
    used = CampaignFactory(list__workspace=client.workspace).list

    def act_on(target, verb, **fields):
        return act(client, reverse(f"admin:subscribers_list_{verb}", args=[target.pk]), **fields)

    assert is_done(act_on(news, "edit", name="Harbour news"))
    news.refresh_from_db()
    assert (news.name, news.public) == ("Harbour news", False)
    assert "still uses" in act_on(used, "archive").content.decode()
    assert is_done(act_on(news, "archive"))
    listed = client.get(reverse("admin:subscribers_list_changelist")).context["cl"].result_list
    assert list(listed) == [used]


def test_a_list_says_whether_it_is_empty_or_nothing_matches():
    client = sign_in()

    empty = client.get("/admin/subscribers/subscriber/").text
    searched = client.get("/admin/subscribers/subscriber/?q=nobody").text

    assert "No subscribers yet" in empty
    assert "Show all" not in empty
    assert "Nothing matches" in searched
    assert "Show all" in searched
