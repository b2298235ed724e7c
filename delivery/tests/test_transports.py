"""Transports by their doors: the API, the back office and the command line."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count
from django.urls import reverse

from accounts.audit import SYSTEM, Actor
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from delivery import brakes
from delivery.models import Lane, Transport
from delivery.services import transports as services
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from emailseq.lib.errors import Invalid

pytestmark = pytest.mark.django_db

RELAY = {
    "name": "Relay",
    "host": "smtp.harbour.example",
    "username": "ada",
    "password": "open sesame",
    "rate": 50,
}


def relay(workspace, **options):
    return services.create_transport(workspace, by=SYSTEM, **{**RELAY, **options})


@pytest.fixture
def api():
    workspace = WorkspaceFactory()
    made = Api(workspace)
    made.workspace = workspace
    return made


def paused_lane(transport, group="google"):
    made = Lane.new(transport, now=clock.now())
    made.brakes = brakes.pause(made.brakes, "550 5.7.1 You are on our blocklist")
    made.message_class, made.domain_group, made.recent = "marketing", group, "p" * 10
    made.save()
    return made


def test_a_transport_is_made_and_its_password_never_shown(api):

    answer = api("POST", "/api/v1/transports", RELAY)

    assert answer.status_code == 201
    shown = answer.json()
    assert "password" not in shown
    assert b"sesame" not in answer.content
    stands = shown.pop("stands")
    assert (stands["state"], stands["health"], stands["sent_today"]) == ("open", 1.0, 0)
    assert {name: shown[name] for name in ("tls", "has_password", "rate", "lanes", "shared")} == {
        "tls": "starttls",
        "has_password": True,
        "rate": 50,
        "lanes": [],
        "shared": False,
    }
    made = Transport.objects.get(name="Relay")
    assert made.password.reveal() == "open sesame"
    assert "sesame" not in str(AuditEntry.objects.values())


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"host": "not a host"}, "/host", "invalid_host"),
        ({"host": ""}, "/host", "required"),
        ({"port": 0}, "/port", "out_of_range"),
        ({"rate": -1}, "/rate", "out_of_range"),
        ({"max_connections": 0}, "/max_connections", "out_of_range"),
        ({"tls": "none"}, "/tls", "credentials_in_clear"),
        ({"tls": "perhaps"}, "/tls", "invalid_choice"),
        ({"auth": "xoauth2", "password": ""}, "/password", "required"),
        ({"name": "a\0b"}, "/name", "invalid_characters"),
        ({"retries": 3}, "/retries", "unknown_field"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is(api, change, pointer, code):
    answer = api("POST", "/api/v1/transports", {**RELAY, **change})

    assert answer.status_code == 400
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        (pointer, code)
    ]
    assert not Transport.objects.filter(name="Relay").exists()


def test_a_change_leaves_the_password_and_releases_what_was_closed(api):
    own = relay(api.workspace)
    services.pause_transport(own, by=SYSTEM)
    path = f"/api/v1/transports/{own.public_id}"

    assert api("PATCH", path, {"rate": None, "password": ""}).json()["stands"]["state"] == "paused"
    answer = api("PATCH", path, {"host": "smtp2.harbour.example"}).json()

    assert (answer["host"], answer["rate"], answer["stands"]["state"]) == (
        "smtp2.harbour.example",
        None,
        "open",
    )
    own.refresh_from_db()
    assert own.password.reveal() == "open sesame"


def test_a_transport_is_paused_resumed_and_put_away(api):
    own = relay(api.workspace)
    sender = SenderFactory(workspace=api.workspace, transport=own)
    path = f"/api/v1/transports/{own.public_id}"

    paused = api("POST", f"{path}/pause").json()["stands"]
    assert (paused["state"], paused["reason"][:10]) == ("paused", "paused by ")
    assert api("POST", f"{path}/resume").json()["stands"]["state"] == "open"
    assert api("DELETE", path).status_code == 204

    assert api("GET", path).status_code == 404
    sender.refresh_from_db()
    assert sender.transport is None
    verbs = AuditEntry.objects.order_by("id").values_list("verb", flat=True)
    assert [verb for verb in verbs if verb.startswith("transport.")][1:] == [
        "transport.paused",
        "transport.resumed",
        "transport.archived",
    ]


def test_the_shared_transport_has_limits_and_nothing_else_of_ours(api):
    path = f"/api/v1/transports/{services.shared_transport().public_id}"

    assert api("PATCH", path, {"rate": 5, "daily": 100}).json()["daily"] == 100
    refused = api("PATCH", path, {"host": "smtp.harbour.example"})
    assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [
        ("/host", "shared")
    ]
    assert api("DELETE", path).status_code == 400


def test_where_several_workspaces_share_it_only_the_operator_changes_it(api):
    WorkspaceFactory()
    shared = services.shared_transport()

    for method, verb in (("POST", "/pause"), ("DELETE", ""), ("PATCH", "")):
        answer = api(
            method,
            f"/api/v1/transports/{shared.public_id}{verb}",
            {"rate": 1} if method == "PATCH" else None,
        )
        assert answer.status_code == 400
        assert "manage.py transport" in answer.json()["errors"][0]["detail"]
    assert services.pause_transport(shared, by=Actor.command("transport"))


def test_a_connection_is_tried_and_the_servers_words_are_told(api, settings):
    settings.TRANSPORT_ALLOWED_HOSTS = ["127.0.0.1:1"]
    nobody = relay(api.workspace, host="127.0.0.1", port=1, tls="none")

    answer = api("POST", f"/api/v1/transports/{nobody.public_id}/test")

    assert (answer.status_code, answer.json()["code"]) == (409, "transport_unusable")
    assert answer.json()["detail"].startswith("127.0.0.1 at connect: ")


def test_nobodys_transport_leads_into_our_own_network(api):
    inside = relay(api.workspace, host="127.0.0.1", port=1, tls="none")

    answer = api("POST", f"/api/v1/transports/{inside.public_id}/test")

    assert answer.json()["detail"] == (
        "127.0.0.1 at connect: 127.0.0.1 is not on the public internet"
    )


def test_a_sender_chooses_one_of_the_transports_of_its_workspace(api):
    sender, own = SenderFactory(workspace=api.workspace), relay(api.workspace)
    stranger = relay(WorkspaceFactory())
    path = f"/api/v1/sender-identities/{sender.public_id}"

    assert api("PATCH", path, {"transport": own.public_id}).json()["transport"] == own.public_id
    assert api("PATCH", path, {"transport": stranger.public_id}).status_code == 400
    assert api("PATCH", path, {"transport": None}).json()["transport"] is None
    with pytest.raises(Invalid):
        services.choose_transport(sender, transport=stranger, by=SYSTEM)


def test_the_back_office_makes_and_changes_transports():
    client = sign_in()
    made = {**RELAY, "kind": "smtp", "port": 587, "tls": "starttls", "preference": 10, "weight": 1}

    assert is_done(act(client, reverse("admin:delivery_transport_create"), **made))
    own = Transport.objects.get(name="Relay")
    edit = reverse("admin:delivery_transport_edit", args=[own.pk])
    assert b"sesame" not in client.get(edit).content
    assert is_done(act(client, edit, **{**made, "password": "", "rate": "7.5", "warm_up": "on"}))

    own.refresh_from_db()
    assert (own.rate, own.warm_up, own.password.reveal()) == (7.5, True, "open sesame")
    refused = act(client, edit, **{**made, "port": 0})
    assert not is_done(refused)
    own.refresh_from_db()
    assert own.port == 587


def test_the_shared_transport_is_edited_without_where_it_leads():
    client = sign_in()
    shared = services.shared_transport()
    edit = reverse("admin:delivery_transport_edit", args=[shared.pk])

    assert b'name="host"' not in client.get(edit).content
    limits = {"name": "Relay", "preference": 10, "weight": 1, "daily": 500}
    assert is_done(act(client, edit, **limits))

    shared.refresh_from_db()
    assert (shared.daily, shared.name) == (500, "Relay")


def test_a_lane_shows_the_servers_words_and_is_released(django_assert_max_num_queries):
    client = sign_in()
    lane = paused_lane(relay(client.workspace))
    for number in range(20):
        paused_lane(lane.transport, f"group-{number}")
    paused_lane(relay(WorkspaceFactory()), "strangers")

    page = client.get(reverse("admin:delivery_lane_changelist")).content.decode()
    assert "550 5.7.1 You are on our blocklist" in page
    assert "strangers" not in page
    with django_assert_max_num_queries(20):
        client.get(reverse("admin:delivery_transport_changelist"))

    assert is_done(act(client, reverse("admin:delivery_lane_release", args=[lane.pk])))
    lane.refresh_from_db()
    assert (lane.state, lane.recent) == ("open", "")
    entry = AuditEntry.objects.order_by("-id").first()
    assert (entry.verb, entry.changes["lane"]) == ("lane.released", "google")


def run(capsys, *argv):
    call_command(*argv)
    return capsys.readouterr().out


def test_the_operator_sees_lanes_and_releases_them(capsys):
    lane = paused_lane(services.shared_transport())

    shown = run(capsys, "lanes")
    words = "EMAIL_URL · google: paused · 550 5.7.1 You are on our blocklist"
    assert shown.strip() == f"{lane.pk}  {words}"
    [facts] = json.loads(run(capsys, "lanes", "--json"))
    assert (facts["domain_group"], facts["state"], facts["health"]) == ("google", "paused", 0.0)

    assert run(capsys, "lanes", "--release", str(lane.pk)) == "All lanes are open.\n"
    assert "google: open" in run(capsys, "lanes", "--all")
    with pytest.raises(CommandError, match="no lane 0"):
        call_command("lanes", "--release", "0")


def test_the_operator_limits_pauses_and_resumes_transports(capsys):
    own = relay(WorkspaceFactory(), rate=None)
    WorkspaceFactory()

    options = ["--rate", "12.5", "--connections", "4", "--daily", "1000", "--warm-up", "on"]
    shown = run(capsys, "transport", *options, "--pause").splitlines()

    shared = services.shared_transport()
    limits = "12.5 messages/s, 4 connections, 1000 messages/day, warming up"
    assert sorted(shown) == sorted(
        [
            f"{shared.public_id}  EMAIL_URL  paused (paused by manage.py transport)  {limits}",
            f"{own.public_id}  smtp.harbour.example:587  open",
        ]
    )
    shown = run(capsys, "transport", shared.public_id, "--daily", "none", "--resume")
    assert "open  12.5 messages/s, 4 connections, warming up" in shown
    verbs = AuditEntry.objects.filter(object_id=shared.pk, object_kind="transport")
    assert set(
        verbs.values_list("workspace__name")
        .annotate(Count("pk"))
        .values_list("pk__count", flat=True)
    ) == {4}


def test_the_operator_hears_what_is_wrong():
    for argv, words in (
        (["trn_nobody"], "There is no transport trn_nobody."),
        (["--rate", "-1"], "A number from 0.01"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("transport", *argv)
    assert services.shared_transport().rate is None
