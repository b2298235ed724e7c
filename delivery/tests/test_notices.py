"""Mail to those who work here: it leaves like any other, and stays out of the workspace."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from django.conf import settings

from accounts.audit import SYSTEM
from accounts.models import Workspace
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery.models import Outbox, SenderIdentity
from delivery.services.notices import send_notice
from subscribers.models import Subscriber
from templates_app.models import Template

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
PATH = "/invitations/v1.k1.j.abc.def/"
LINK = f"{settings.SITE_URL}{PATH}"


def send(workspace, **more):
    send_notice(
        workspace,
        to="mie@harbour.example",
        subject="Come",
        paragraphs=["Hello <b>"],
        by=SYSTEM,
        **more,
    )


def test_a_link_arrives_whole_and_nobody_in_the_workspace_reads_it(wire):
    workspace = WorkspaceFactory()
    SenderIdentity.objects.create(workspace=workspace, name="Harbour", email="news@harbour.example")

    send(workspace, path=PATH, call="Join")
    wire.send()

    [mail] = wire.mails
    read = message_from_bytes(mail, policy=policy.default)
    assert str(read["From"]) == "Harbour <news@harbour.example>"
    html = read.get_body(("html",)).get_content()
    assert f'href="{LINK}"' in html
    assert "Hello &lt;b&gt;" in html
    assert LINK in read.get_body(("plain",)).get_content()
    api = Api(workspace)
    for rows in ("subscribers", "templates", "messages"):
        assert api("GET", f"/{rows}").json()["data"] == []
    assert LINK not in str(api("GET", "/events").content)


def test_without_a_sender_the_house_writes(wire, settings):
    settings.FROM_EMAIL = "team@news.example"

    send(WorkspaceFactory())
    wire.send()

    assert b"From: emailseq <team@news.example>" in wire.mails[0]


def test_each_workspace_has_a_source_of_its_own_and_none_is_anybodys():
    first, second = WorkspaceFactory(), WorkspaceFactory()
    for workspace in (first, second):
        SenderIdentity.objects.create(workspace=workspace, name="H", email="news@harbour.example")
        send(workspace)
        send(workspace)

    rows = Outbox.objects.order_by("id").values_list("workspace_id", "source_id")
    assert [row[0] for row in rows] == [first.pk, first.pk, second.pk, second.pk]
    assert len(set(rows)) == 2
    assert Subscriber.objects.get().workspace == Workspace.objects.house()
    assert not Template.objects.of(first).exists()
    assert set(Workspace.objects.all()) == {first, second}
