"""Publishing over HTTP: what changes, what that means for those inside, and what was before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from sequences import engine
from sequences.models import Enrollment, SequenceVersion
from sequences.services import edit
from sequences.services.publish import publish
from sequences.services.transfer import transfer
from sequences.tests.factories import DAY, EMAIL, add_step, let_leave, make_live, make_runs
from templates_app import services as templates
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def live(workspace):
    """An email, a wait of a day, an email; three people are at the wait."""
    made = make_live(EMAIL, DAY, EMAIL, workspace=workspace, slug="welcome")
    make_runs(made, 3)
    engine.advance()
    let_leave()
    return made


def keys(sequence):
    return [*sequence.steps.order_by("position").values_list("key", flat=True)]


BASE = "/sequences/welcome"


def test_a_diff_names_what_the_draft_changes(api, live):
    first, wait, last = keys(live)
    assert api("GET", f"{BASE}/draft/diff").json() == {
        "added": [],
        "removed": [],
        "moved": [],
        "changed": [],
    }

    edit.remove_step(live.steps.get(key=last), by=SYSTEM)
    edit.update_step(live.steps.get(key=wait), delay=2 * DAY, by=SYSTEM)
    fresh = add_step(live, EMAIL)
    edit.move_step(live.steps.get(key=first), to=3, by=SYSTEM)
    diff = api("GET", f"{BASE}/draft/diff").json()

    assert diff == {
        "added": [{"id": fresh.key, "kind": "email", "label": "2", "members": []}],
        "removed": [{"id": last, "kind": "email", "label": "3", "members": []}],
        "moved": [{"id": wait, "kind": "wait", "label": "1", "members": []}],
        "changed": [
            {
                "id": wait,
                "kind": "wait",
                "label": "1",
                "members": [{"member": "delay", "before": "P1D", "after": "P2D"}],
            }
        ],
    }


def test_a_template_with_new_content_is_a_change_until_it_is_published(api, live):
    first, *_ = keys(live)
    template = live.steps.get(key=first).template
    templates.save_draft(template, subject="New", by=SYSTEM)

    changed = api("GET", f"{BASE}/draft/diff").json()["changed"]
    publish(live, by=SYSTEM)

    assert [(each["id"], each["members"][0]["member"]) for each in changed] == [(first, "content")]
    assert api("GET", f"{BASE}/draft/diff").json()["changed"] == []


def test_a_preview_says_who_stands_where_and_what_would_become_of_them(api, live):
    _, wait, last = keys(live)
    make_runs(live, 2)
    with clock.frozen(clock.now() + 2 * DAY):
        engine.advance()
    runs = Enrollment.objects.order_by("pk")
    assert runs.filter(position=last).count() == 3
    edit.update_step(live.steps.get(key=wait), delay=timedelta(hours=1), by=SYSTEM)
    edit.remove_step(live.steps.get(key=last), by=SYSTEM)
    fresh, end = add_step(live, EMAIL, to=1), add_step(live, EMAIL)

    answer = api("GET", f"{BASE}/publish/preview").json()

    token = answer.pop("token")
    answer["standing"].sort(key=lambda each: each["step"] == last)
    assert answer == {
        "inside": 5,
        "standing": [
            {
                "version": 1,
                "step": wait,
                "label": "2",
                "people": 2,
                "removed": False,
                "then": wait,
                "then_label": "3",
                "passed_over": [],
            },
            {
                "version": 1,
                "step": last,
                "label": "3",
                "people": 3,
                "removed": True,
                "then": end.key,
                "then_label": "4",
                "passed_over": [],
            },
        ],
        "waits": [
            {
                "step": wait,
                "label": "3",
                "version": 1,
                "before": "P1D",
                "after": "PT1H",
                "people": 2,
            }
        ],
    }
    assert fresh.key not in {each["then"] for each in answer["standing"]}
    etag = api("GET", BASE).headers["ETag"]
    published = api("POST", f"{BASE}/publish", {"people": "move", "impact": token}, match=etag)
    assert (published.status_code, published.json()["version"]) == (200, 2)


def test_a_preview_tells_of_what_would_be_passed_over(api, live):
    _, wait, last = keys(live)
    edit.move_step(live.steps.get(key=last), to=1, by=SYSTEM)

    standing = api("GET", f"{BASE}/publish/preview").json()["standing"]

    assert [(each["step"], each["then"], each["passed_over"]) for each in standing] == [
        (wait, wait, [last])
    ]


def test_people_who_have_not_begun_and_where_they_begin(api, workspace):
    live = make_live(EMAIL, DAY, EMAIL, workspace=workspace, slug="welcome")
    make_runs(live)
    fresh = add_step(live, DAY, to=1)

    [standing] = api("GET", f"{BASE}/publish/preview").json()["standing"]

    assert (standing["step"], standing["label"], standing["then"]) == ("", "", fresh.key)


@pytest.mark.parametrize("people", [4, 100])
def test_an_impact_that_is_out_of_date_publishes_nothing(api, live, people):
    token = api("GET", f"{BASE}/publish/preview").json()["token"]
    make_runs(live, people)

    refused = api("POST", f"{BASE}/publish", {"impact": token}, match="*")

    assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert "Many people have moved" in refused.json()["detail"]
    assert SequenceVersion.objects.count() == 1


def test_an_impact_of_another_draft_publishes_nothing(api, live):
    token = api("GET", f"{BASE}/publish/preview").json()["token"]
    add_step(live, EMAIL)

    for wrong in (token, "forged", token[:-1] + "x"):
        refused = api("POST", f"{BASE}/publish", {"impact": wrong}, match="*")
        assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert SequenceVersion.objects.count() == 1


def test_publishing_moves_people_and_lets_others_leave(api, live):
    _, wait, last = keys(live)
    one = Enrollment.objects.first()
    Enrollment.objects.filter(pk=one.pk).update(position=last)

    body = {"people": "move", "steps": {last: "exit"}}
    published = api("POST", f"{BASE}/publish", body, match="*")
    listed = api("GET", f"{BASE}/versions").json()["data"]
    transfer()
    done = api("GET", f"{BASE}/versions/2").json()

    assert published.json()["version"] == 2
    assert [(each["number"], each["live"]) for each in listed] == [(2, True), (1, False)]
    waiting = listed[0]["transfer"]
    assert (waiting["people"], waiting["steps"]) == ("move", {last: "exit"})
    assert (waiting["moved"], waiting["finished_at"]) == (0, None)
    assert listed[1]["transfer"] is None
    assert (done["transfer"]["moved"], done["transfer"]["exited"]) == (2, 1)
    assert done["transfer"]["finished_at"]
    one.refresh_from_db()
    assert (one.state, one.version.number) == ("exited", 1)
    assert Enrollment.objects.filter(position=wait, version__number=2).count() == 2


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"people": "vanish"}, ("/people", "invalid_choice")),
        ({"steps": {"x": "exit"}}, ("/steps/x", "not_found")),
        ({"steps": {"x": "vanish"}}, ("/steps/x", "invalid_choice")),
        ({"steps": []}, ("/steps", "not_a_dict")),
        ({"stay": True}, ("/stay", "unknown_field")),
    ],
)
def test_a_publish_that_makes_no_sense_is_refused(api, live, body, fault):
    answer = api("POST", f"{BASE}/publish", body, match="*")

    assert {(each["pointer"], each["code"]) for each in answer.json()["errors"]} == {fault}
    assert SequenceVersion.objects.count() == 1


def test_versions_count_their_people(api, live):
    publish(live, by=SYSTEM)
    make_runs(live)
    Enrollment.objects.filter(pk=Enrollment.objects.first().pk).update(state="completed")

    first = api("GET", f"{BASE}/versions/1/stats").json()
    second = api("GET", f"{BASE}/versions/2/stats").json()

    assert {name: first[name] for name in ("active", "completed", "exited")} == {
        "active": 2,
        "completed": 1,
        "exited": 0,
    }
    assert [each["waiting"] for each in first["steps"]] == [0, 2, 0]
    assert (second["active"], [each["waiting"] for each in second["steps"]]) == (1, [0, 0, 0])
    assert api("GET", f"{BASE}/versions/3/stats").status_code == 404


def test_an_earlier_version_becomes_the_draft(api, live):
    before = api("GET", f"{BASE}/draft").json()
    edit.put_draft(live, document={"steps": before["steps"][2:]}, by=SYSTEM)
    publish(live, by=SYSTEM)
    etag = api("GET", BASE).headers["ETag"]

    unread = api("POST", f"{BASE}/versions/1/restore")
    restored = api("POST", f"{BASE}/versions/1/restore", match=etag)
    stale = api("POST", f"{BASE}/versions/2/restore", match=etag)

    assert [unread.status_code, restored.status_code, stale.status_code] == [428, 200, 412]
    assert api("GET", f"{BASE}/draft").json() == before
    assert api("GET", BASE).json()["version"] == 2
    assert [each["key"] for each in restored.json()["steps"]] == keys(live)
    assert api("POST", f"{BASE}/draft/undo", match="*").json()["steps"] == before["steps"][2:]


def test_a_version_from_before_drafts_were_kept_becomes_the_draft_too(api, live):
    SequenceVersion.objects.update(document=None)
    before = api("GET", f"{BASE}/draft").json()
    edit.put_draft(live, document={"steps": []}, by=SYSTEM)

    api("POST", f"{BASE}/versions/1/restore", match="*")

    assert api("GET", f"{BASE}/draft").json() == before
    assert api("GET", f"{BASE}/draft/diff").json()["changed"] == []


def test_a_version_that_names_what_is_gone_is_not_restored(api, workspace):
    live = make_live(EMAIL, workspace=workspace, slug="welcome")
    other = TemplateFactory(workspace=workspace)
    edit.update_step(live.steps.get(), template=other, by=SYSTEM)
    SequenceVersion.objects.update(
        document={"steps": [{"key": "a", "kind": "email", "template": "gone"}]}
    )

    refused = api("POST", f"{BASE}/versions/1/restore", match="*")

    assert refused.json()["errors"][0]["pointer"] == "/steps/0/template"
    assert live.steps.get().template == other


def test_the_preview_costs_few_queries(api, live, django_assert_max_num_queries):
    publish(live, by=SYSTEM)
    api("GET", "/me")

    with django_assert_max_num_queries(11):
        api("GET", f"{BASE}/publish/preview")
    with django_assert_max_num_queries(11):
        api("GET", f"{BASE}/draft/diff")
