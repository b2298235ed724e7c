from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from templates_app.models import Template, TemplateVersion
from templates_app.tests.factories import HTML, TemplateFactory

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


def test_a_draft_is_written_and_read(api):
    with clock.frozen(datetime(2026, 3, 1, tzinfo=UTC)):
        made = api("POST", "/templates", {"name": "Welcome", "subject": "Hello", "html": HTML})

    template = Template.objects.get()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/templates/{template.public_id}"
    assert made.headers["ETag"] == '"r1"'
    assert made.json() == {
        "id": template.public_id,
        "name": "Welcome",
        "slug": "welcome",
        "message_class": "marketing",
        "mode": "html",
        "subject": "Hello",
        "version": None,
        "document": None,
        "source": "",
        "html": HTML,
        "text": "",
        "created_at": "2026-03-01T00:00:00Z",
        "updated_at": "2026-03-01T00:00:00Z",
        "archived_at": None,
    }
    assert api("GET", "/templates/welcome").json() == made.json()


def test_the_content_is_kept_to_the_blank(api):
    text = "  Hello\n\n{{ links.unsubscribe }}\n"

    made = api("POST", "/templates", {"name": "Plain", "subject": "Hello", "text": text})

    assert made.json()["text"] == text


def test_a_list_of_templates_leaves_their_content_out(
    api, workspace, django_assert_max_num_queries
):
    for template in TemplateFactory.create_batch(3, workspace=workspace):
        api("POST", f"/templates/{template.slug}/publish")

    with django_assert_max_num_queries(3):
        rows = api("GET", "/templates").json()["data"]

    assert len(rows) == 3
    assert "html" not in rows[0]
    assert "text" not in rows[0]


def test_content_that_cannot_work_is_refused(api):
    answer = api(
        "POST",
        "/templates",
        {"name": "Bad", "subject": "{{ subscriber.frist_name }}", "html": "{% include 'x' %}"},
    )

    assert faults(answer) == {("/subject", "unknown_field"), ("/html", "template_invalid")}
    assert not Template.objects.exists()


def test_a_change_needs_the_revision_it_is_based_on(api, workspace):
    TemplateFactory(workspace=workspace, slug="welcome", subject="Hello")

    blind = api("PATCH", "/templates/welcome", {"subject": "Hi"})
    first = api("PATCH", "/templates/welcome", {"subject": "Hi"}, match='"r1"')
    stale = api("PATCH", "/templates/welcome", {"subject": "Hey"}, match='"r1"')
    odd = api("PATCH", "/templates/welcome", {"subject": "Hey"}, match="nonsense")
    fresh = api("PATCH", "/templates/welcome", {"subject": "Hey"}, match='"r1", "r2"')
    anyhow = api("PATCH", "/templates/welcome", {"subject": "Ho"}, match="*")

    assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
    assert (first.status_code, first.headers["ETag"]) == (200, '"r2"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert stale.json()["current_etag"] == '"r2"'
    assert stale.json()["changed_by"].startswith("test (sk_")
    assert stale.json()["changed_at"]
    assert odd.status_code == 412
    assert (fresh.status_code, fresh.json()["subject"]) == (200, "Hey")
    assert (anyhow.status_code, anyhow.headers["ETag"]) == (200, '"r4"')


def test_what_has_not_changed_is_not_sent_again(api, workspace):
    TemplateFactory(workspace=workspace, slug="welcome")

    known = api.client.get("/api/v1/templates/welcome", headers={"if-none-match": '"r1"'})
    other = api.client.get("/api/v1/templates/welcome", headers={"if-none-match": '"r9"'})

    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", '"r1"')
    assert other.status_code == 200


def test_a_draft_is_published(api, workspace):
    template = TemplateFactory(workspace=workspace, slug="welcome")

    blind = api("POST", "/templates/welcome/publish")
    stale = api("POST", "/templates/welcome/publish", match='"r7"')
    published = api("POST", "/templates/welcome/publish", match='"r1"')
    again = api("POST", "/templates/welcome/publish", match='"r1"')

    assert [blind.status_code, stale.status_code] == [428, 412]
    assert [published.json()["version"], again.json()["version"]] == [1, 1]
    assert TemplateVersion.objects.get().template == template


def test_what_cannot_be_sent_cannot_be_published(api, workspace):
    TemplateFactory(
        workspace=workspace, slug="welcome", html="<p>No way out of 1 Main Street, Springfield</p>"
    )

    answer = api("POST", "/templates/welcome/publish", match='"r1"')

    assert faults(answer) == {("/html", "unsubscribe_missing")}


def test_a_template_is_put_away(api, workspace):
    TemplateFactory(workspace=workspace, slug="welcome")

    assert api("DELETE", "/templates/welcome").status_code == 428
    assert api("DELETE", "/templates/welcome", match='"r1"').status_code == 204
    assert api("GET", "/templates").json()["data"] == []
    assert [row["slug"] for row in api("GET", "/templates?archived=true").json()["data"]] == [
        "welcome"
    ]


def test_a_taken_slug_is_a_duplicate(api, workspace):
    TemplateFactory(workspace=workspace, slug="welcome")

    answer = api("POST", "/templates", {"name": "Welcome", "subject": "Hello"})

    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate")
