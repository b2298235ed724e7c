from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import AuditEntry, Workspace
from accounts.tests.api import Api
from accounts.tests.backoffice import sign_in
from accounts.tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db
NIGHTS = {"opens": "07:00", "closes": "22:00"}


@pytest.fixture
def workspace():
    return WorkspaceFactory(name="Harbour", slug="harbour")


@pytest.fixture
def api(workspace):
    return Api(workspace)


def edit_url(workspace):
    return reverse("admin:accounts_workspace_edit", args=[workspace.pk])


def test_settings_are_shown_and_changed(api, workspace):
    changes = {
        "name": "Harbour news",
        "postal_address": "Pier 1, Hamburg",
        "time_zone": "Europe/Berlin",
        "awake": {**NIGHTS, "weekdays": [1, 2, 3, 4, 5], "zone": "workspace"},
        "cap_per_day": 2,
        "cap_per_week": 5,
        "approval_above": None,
    }

    changed = api("PATCH", "/workspace", changes)

    assert changed.status_code == 200, changed.content
    shown = api("GET", "/workspace").json()
    assert {name: shown[name] for name in changes} == changes
    assert shown["slug"] == "harbour"
    workspace.refresh_from_db()
    assert workspace.windows[0].zone == "Europe/Berlin"
    assert AuditEntry.objects.get(verb="workspace.updated").changes == changes


def test_caps_and_quiet_hours_can_be_taken_back(api, workspace):
    api("PATCH", "/workspace", {"awake": NIGHTS, "cap_per_day": 1})
    api("PATCH", "/workspace", {"awake": None, "cap_per_day": None})

    workspace.refresh_from_db()
    assert (workspace.awake, workspace.windows, workspace.cap_per_day) == (None, (), None)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"name": " "}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"cap_per_day": 0}, "/cap_per_day"),
        ({"cap_per_week": 1000}, "/cap_per_week"),
        ({"approval_above": 0}, "/approval_above"),
        ({"awake": {"opens": "7", "closes": "22:00"}}, "/awake/opens"),
        ({"awake": {"opens": "07:00", "closes": "07:00"}}, "/awake"),
        ({"awake": {**NIGHTS, "weekdays": [8]}}, "/awake/weekdays/0"),
        ({"slug": "other"}, "/slug"),
    ],
)
def test_what_makes_no_sense_is_refused(api, workspace, changes, pointer):
    answer = api("PATCH", "/workspace", changes)

    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    row = Workspace.objects.get(pk=workspace.pk)
    assert (row.name, row.slug, row.time_zone, row.awake) == ("Harbour", "harbour", "UTC", None)
    assert (row.cap_per_day, row.cap_per_week) == (None, None)


def test_only_an_owner_changes_them(workspace):
    answer = Api(workspace, "reports:read")("PATCH", "/workspace", {"name": "Mine"})

    assert (answer.status_code, answer.json()["scope"]) == (403, "team:write")


def test_the_back_office_changes_them_too(workspace):
    client = sign_in(workspace=workspace)
    page = client.get("/admin/accounts/workspace/")
    assert "Harbour" in page.text
    url = edit_url(workspace)
    assert "Quiet until" in client.get(url).text

    client.post(
        url,
        {
            "name": "Harbour",
            "postal_address": "Pier 1",
            "time_zone": "Europe/Berlin",
            "opens": "07:30",
            "closes": "21:00",
            "cap_per_day": "",
            "cap_per_week": "3",
        },
    )

    workspace.refresh_from_db()
    assert (workspace.cap_per_day, workspace.cap_per_week) == (None, 3)
    assert workspace.awake == {"opens": "07:30", "closes": "21:00"}


def test_half_of_the_quiet_hours_is_a_mistake(workspace):
    client = sign_in(workspace=workspace)
    url = edit_url(workspace)
    fields = {"name": "Harbour", "postal_address": "", "time_zone": "UTC", "opens": "07:30"}

    answer = client.post(url, fields)

    assert "Say both" in answer.text
    workspace.refresh_from_db()
    assert workspace.awake is None


def test_nobody_sees_another_workspace(workspace):
    client = sign_in(workspace=workspace)
    other = WorkspaceFactory(name="Elsewhere")

    assert "Elsewhere" not in client.get("/admin/accounts/workspace/").text
    assert client.get(edit_url(other)).status_code == 404
