from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox
from emailseq.lib import clock
from sequences import engine, tasks
from sequences.models import Enrollment
from sequences.services import lifecycle
from sequences.tests.factories import DAY, EMAIL, make_live, make_runs
from subscribers.models import Event
from subscribers.tests.factories import make_audience

HOUR = timedelta(hours=1)


@pytest.fixture
def workspace(db):
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.mark.django_db
def test_a_backfill_begins_goes_on_and_is_cancelled(api, workspace):
    live = make_live(EMAIL, workspace=workspace)
    make_audience(5, on=live.list)

    made = api("POST", "/backfills", {"sequence": live.slug, "per_day": 24})

    assert made.status_code == 201
    body = made.json()
    assert (body["state"], body["started"], body["per_day"]) == ("running", 0, 24)
    assert made["Location"].endswith(body["id"])
    with clock.frozen(clock.db_now() + HOUR):
        assert tasks.fill_up() == 2
    path = f"/backfills/{body['id']}"
    assert api("GET", path).json()["started"] == 2
    again = api("POST", "/backfills", {"sequence": live.public_id, "per_day": 5})
    assert (again.status_code, again.json()["code"]) == (409, "duplicate")
    assert api("POST", f"{path}/cancel").json()["state"] == "cancelled"
    listed = api("GET", f"/backfills?sequence={live.slug}&state=cancelled").json()["data"]
    assert [one["id"] for one in listed] == [body["id"]]


@pytest.mark.django_db
@pytest.mark.parametrize("per_day", [0, -1, 10**7])
def test_a_pace_has_its_limits(api, workspace, per_day):
    live = make_live(EMAIL, workspace=workspace)

    refused = api("POST", "/backfills", {"sequence": live.slug, "per_day": per_day})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/per_day"
    assert api("GET", "/backfills").json()["data"] == []


@pytest.mark.django_db
def test_one_asks_what_is_overdue_and_says_what_becomes_of_it(api, workspace):
    live = make_live(EMAIL, DAY, EMAIL, workspace=workspace)
    make_runs(live, 3)
    lifecycle.pause_sequence(live, by=SYSTEM)
    Enrollment.objects.update(due_at=clock.db_now() - 3 * DAY)
    path = f"/sequences/{live.slug}"

    counts = api("GET", f"{path}/overdue?stale_after=P2D").json()
    assert counts == {"runs": 3, "stale_runs": 3, "messages": 0, "stale_messages": 0}
    assert api("GET", f"{path}/overdue?stale_after=P4D").json()["stale_runs"] == 0
    assert api("GET", f"{path}/overdue?stale_after=soon").status_code == 400
    refused = api("POST", f"{path}/resume", {"overdue": "spread"})
    assert refused.json()["errors"][0]["pointer"] == "/per_hour"

    resumed = api("POST", f"{path}/resume", {"overdue": "skip", "stale_after": "PT24H"})

    assert resumed.json()["state"] == "live"
    engine.advance()
    assert not Outbox.objects.exists()
    assert {*Enrollment.objects.values_list("position", flat=True)} == {
        live.steps.get(kind="wait").key
    }


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_fifty_calls_at_once_start_one_run_and_send_one_message(workspace):
    live = make_live(EMAIL, workspace=workspace, re_entry="always")
    (ada,) = make_audience(1, on=live.list)
    body = {"sequence": live.public_id, "subscriber": ada.public_id}
    api = Api(workspace)
    api("GET", "/sequences")  # the key is known from here on
    barrier = Barrier(8)

    def call(number):
        if number < 8:
            barrier.wait(timeout=20)
        return api("POST", "/enrollments", body).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(in_a_session_of_its_own(call), range(50))]
        [*pool.map(in_a_session_of_its_own(engine.advance), [10] * 8)]

    assert sorted(answers) == [201] + [409] * 49
    assert Enrollment.objects.get().subscriber == ada
    assert Outbox.objects.count() == 1
    assert Event.objects.filter(kind="enrollment.started").count() == 1
