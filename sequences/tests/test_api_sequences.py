from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery.models import Source
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from sequences.models import Sequence, SequenceVersion, Step
from sequences.tests.factories import DAY, EMAIL, SequenceFactory, make_draft, make_live, make_runs
from subscribers.tests.factories import ListFactory
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


def faults(answer):
    assert answer.status_code == 400
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


def test_a_draft_is_made_and_built_and_published(api, workspace):
    news = ListFactory(workspace=workspace, slug="news")
    sender = SenderFactory(workspace=workspace)
    template = TemplateFactory(workspace=workspace)

    with clock.frozen(datetime(2026, 3, 1, tzinfo=UTC)):
        made = api("POST", "/sequences", {"name": "Welcome", "sender": sender.public_id})
    sequence = Sequence.objects.get()
    assert made.status_code == 201
    assert made.headers["ETag"] == '"r1"'
    assert made.json() == {
        "id": sequence.public_id,
        "name": "Welcome",
        "slug": "welcome",
        "state": "draft",
        "list": None,
        "sender": sender.public_id,
        "entry_rule": None,
        "re_entry": "never",
        "cooldown": None,
        "window": None,
        "priority": 5,
        "holdout_percent": 0,
        "message_class": "marketing",
        "cap_policy": "reschedule",
        "version": None,
        "triggers": [],
        "goals": [],
        "exits": [],
        "created_at": "2026-03-01T00:00:00Z",
    }

    changed = api("PATCH", "/sequences/welcome", {"list": "news"}, match='"r1"')
    triggers = {"triggers": [{"kind": "list_joined", "list": "news"}]}
    triggered = api("PUT", "/sequences/welcome/triggers", triggers, match='"r2"')
    email = api("POST", "/sequences/welcome/steps", {"kind": "email", "template": template.slug})
    wait = api("POST", "/sequences/welcome/steps", {"kind": "wait", "delay": "P2D", "number": 1})
    etag = api("GET", "/sequences/welcome").headers["ETag"]
    published = api("POST", "/sequences/welcome/publish", match=etag)

    assert changed.json()["list"] == news.public_id
    assert triggered.json()["triggers"] == [{"kind": "list_joined", "list": news.public_id}]
    assert email.status_code == 201
    assert email.json()["template"] == template.public_id
    assert (wait.json()["delay"], wait.json()["number"]) == ("P2D", 1)
    assert published.status_code == 200
    assert (published.json()["state"], published.json()["version"]) == ("live", 1)
    assert SequenceVersion.objects.get().sequence == sequence


def test_a_name_is_enough_where_there_is_a_sender(api, workspace):
    early = api("POST", "/sequences", {"name": "Welcome"})
    first = SenderFactory(workspace=workspace)
    SenderFactory(workspace=workspace)

    made = api("POST", "/sequences", {"name": "Welcome"})

    assert faults(early) == {("/sender", "required")}
    assert (made.status_code, made.json()["sender"]) == (201, first.public_id)


def test_a_change_needs_the_revision_it_is_based_on(api, workspace):
    SequenceFactory(workspace=workspace, slug="welcome", name="A")

    blind = api("PATCH", "/sequences/welcome", {"name": "B"})
    first = api("PATCH", "/sequences/welcome", {"name": "B"}, match='"r1"')
    stale = api("PATCH", "/sequences/welcome", {"name": "C"}, match='"r1"')
    unread = [
        api("DELETE", "/sequences/welcome"),
        api("POST", "/sequences/welcome/publish"),
        api("PUT", "/sequences/welcome/triggers", {"triggers": []}),
    ]

    assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
    assert (first.status_code, first.json()["name"]) == (200, "B")
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert stale.json()["current_etag"] == '"r2"'
    assert stale.json()["changed_by"].startswith("test (sk_")
    assert stale.json()["changed_at"]
    assert [answer.status_code for answer in unread] == [428, 428, 428]


def test_what_may_not_be_published_is_listed(api, workspace):
    SequenceFactory(workspace=workspace, slug="welcome")

    answer = api("POST", "/sequences/welcome/publish", match="*")

    assert faults(answer) == {("/steps", "required")}


def test_a_sequence_is_paused_resumed_and_archived(api, workspace):
    sequence = make_live(EMAIL, workspace=workspace)
    path = f"/sequences/{sequence.public_id}"

    def state_after(verb):
        answer = api("POST", f"{path}/{verb}")
        assert answer.status_code == 200
        return answer.json()["state"]

    assert [state_after(verb) for verb in ("pause", "pause", "resume")] == [
        "paused",
        "paused",
        "live",
    ]
    assert Source.objects.get(kind="sequence", source_id=sequence.pk).held is False
    assert state_after("archive") == "archived"
    refused = api("POST", f"{path}/resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")
    assert (refused.json()["state"], refused.json()["allowed"]) == ("archived", [])


def test_deleting_archives(api, workspace):
    sequence = make_live(EMAIL, workspace=workspace)
    path = f"/sequences/{sequence.public_id}"

    assert api("DELETE", path, match='"r99"').status_code == 412
    assert api("DELETE", path, match="*").status_code == 204
    assert api("GET", path).json()["state"] == "archived"


def test_rights_are_by_what_is_done(workspace):
    sequence = make_draft(EMAIL, workspace=workspace)
    writer = Api(workspace, "sequences:write")
    path = f"/sequences/{sequence.public_id}"

    scopes = [
        writer(method, f"{path}{verb}").json()["scope"]
        for method, verb in [
            ("POST", "/publish"),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("GET", "/stats"),
        ]
    ]

    assert scopes == ["sequences:publish", "delivery:pause", "delivery:pause", "reports:read"]


def test_steps_are_listed_changed_moved_and_removed(api, workspace):
    sequence = make_draft(EMAIL, DAY, EMAIL, workspace=workspace)
    path = f"/sequences/{sequence.slug}/steps"
    other = TemplateFactory(workspace=workspace)

    steps = api("GET", path).json()["data"]
    first, wait, last = (f"{path}/{step['id']}" for step in steps)
    assert [(step["number"], step["kind"]) for step in steps] == [
        (1, "email"),
        (2, "wait"),
        (3, "email"),
    ]

    assert api("PATCH", wait, {"delay": "PT1H"}).status_code == 428
    changed = api("PATCH", wait, {"delay": "PT1H"}, match=api("GET", wait).headers["ETag"])
    retold = api("PATCH", first, {"template": other.slug}, match=changed.headers["ETag"])
    moved = api("POST", f"{last}/move", {"to": 1})
    assert changed.json()["delay"] == "PT1H"
    assert retold.json()["template"] == other.public_id
    assert moved.json()["number"] == 1
    assert api("DELETE", wait, match=changed.headers["ETag"]).status_code == 412
    assert api("DELETE", wait, match=moved.headers["ETag"]).status_code == 204
    assert api("GET", wait).status_code == 404
    assert [step["number"] for step in api("GET", path).json()["data"]] == [1, 2]
    assert Step.objects.filter(sequence=sequence).count() == 2


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ({"kind": "email"}, ("/template", "required")),
        ({"kind": "email", "template": "nope"}, ("/template", "not_found")),
        ({"kind": "wait"}, ("/delay", "required")),
        ({"kind": "wait", "delay": "-P1D"}, ("/delay", "out_of_range")),
        ({"kind": "wait", "delay": "P9999D"}, ("/delay", "out_of_range")),
        ({"kind": "wait", "delay": "soon"}, ("/delay", "invalid")),
        ({"kind": "wait", "delay": "P99999999999999D"}, ("/delay", "overflow")),
        ({"kind": "sms"}, ("/kind", "invalid_choice")),
        ({"kind": "wait", "delay": "P1D", "number": 0}, ("/number", "too_small")),
        ({"kind": "wait", "delay": "P1D", "to": 1}, ("/to", "unknown_field")),
    ],
)
def test_a_step_that_cannot_be_is_refused(api, workspace, step, fault):
    sequence = make_draft(EMAIL, workspace=workspace)

    answer = api("POST", f"/sequences/{sequence.slug}/steps", step)

    assert faults(answer) == {fault}
    assert sequence.steps.count() == 1


def test_a_step_belongs_to_its_sequence(api, workspace):
    one, other = make_draft(EMAIL, workspace=workspace), make_draft(EMAIL, workspace=workspace)
    step = one.steps.get()

    assert api("GET", f"/sequences/{one.slug}/steps/{step.key}").status_code == 200
    for name in (step.key, "%00", "stp_x"):
        assert api("GET", f"/sequences/{other.slug}/steps/{name}").status_code == 404


def test_numbers_of_a_sequence(api, workspace):
    sequence = make_live(EMAIL, timedelta(days=1), EMAIL, workspace=workspace)
    make_runs(sequence, 2)

    stats = api("GET", f"/sequences/{sequence.slug}/stats").json()

    assert stats["sent"] == 0
    assert [step["id"] for step in stats["steps"]] == [step.key for step in sequence.steps.all()]
    assert {step["waiting"] for step in stats["steps"]} == {0}


def test_sequences_are_listed_by_state_and_list(api, workspace, django_assert_max_num_queries):
    live = make_live(EMAIL, workspace=workspace)
    make_draft(EMAIL, workspace=workspace)
    api("GET", "/me")

    with django_assert_max_num_queries(4):
        assert len(api("GET", "/sequences").json()["data"]) == 2

    found = api("GET", f"/sequences?state=live&list={live.list.slug}").json()["data"]
    assert [row["id"] for row in found] == [live.public_id]
    assert api("GET", "/sequences?list=nope").status_code == 404


def test_a_list_in_use_is_not_put_away(api, workspace):
    sequence = make_draft(EMAIL, workspace=workspace)

    refused = api("DELETE", f"/lists/{sequence.list.slug}")
    api("POST", f"/sequences/{sequence.slug}/archive")
    freed = api("DELETE", f"/lists/{sequence.list.slug}")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert freed.status_code == 204
