"""Links that lead by a name of the workspace's own."""

from __future__ import annotations

import socket
import uuid
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.test import Client

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from delivery import services, tracking_hosts
from delivery.models import Hit, Outbox, SendingDomain, SendLedger
from delivery.services import domains
from delivery.tests.factories import make_domain, queue
from delivery.tracking import Links
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from subscribers.tests.factories import ListFactory, make_audience

READER = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"}
HOST = "go.harbour.example"


@pytest.fixture(autouse=True)
def fresh_table(db):
    tracking_hosts.refresh()
    yield
    tracking_hosts._table._hosts.clear()


def make_host(workspace, host, *, name="harbour.example", proved=True):
    domain = SendingDomain.objects.create(
        workspace=workspace,
        name=name,
        bounce_domain=f"bounce.{name}",
        tracking_host=host,
        tracking_ready=proved,
        tracking_proved_at=clock.now() if proved else None,
    )
    tracking_hosts.refresh()
    return domain


def make_sent(workspace):
    """A message that left a minute ago."""
    news = ListFactory(workspace=workspace)
    (row,) = queue(make_audience(1, on=news), on=news)
    lease = uuid.uuid4()
    Outbox.objects.update(lease_token=lease)
    services.finish([(row.pk, "sent", "", "250 OK")], token=lease)
    SendLedger.objects.update(finished_at=clock.now() - timedelta(minutes=1))
    return SendLedger.objects.get(pk=row.pk)


def ways(links):
    return links.open_pixel, links.click(0), links.unsubscribe


def test_links_work_by_the_host_of_their_workspace():
    message = make_sent(WorkspaceFactory())
    make_host(message.workspace, HOST)
    reader = Client(HTTP_HOST=f"{HOST.upper()}:443", **READER)

    pixel, click, leave = ways(Links("", message.pk))
    assert reader.get(pixel).status_code == 200
    assert reader.get(click)["Location"] == "https://example.com/start"
    assert reader.get(leave).status_code == 200
    assert reader.post(leave, {"List-Unsubscribe": "One-Click"}).status_code == 200

    assert Hit.objects.count() == 2
    assert message.subscriber.subscriptions.get().state == "unsubscribed"


def test_a_message_of_another_workspace_is_not_there():
    message, stranger = make_sent(WorkspaceFactory()), WorkspaceFactory()
    make_host(stranger, HOST)
    reader = Client(HTTP_HOST=HOST, **READER)

    for url in ways(Links("", message.pk)):
        assert reader.get(url).status_code == 404
    assert reader.post(Links("", message.pk).unsubscribe).status_code == 404

    assert not Hit.objects.exists()
    assert message.subscriber.subscriptions.get().state == "confirmed"
    assert Client(**READER).get(Links("", message.pk).click(0)).status_code == 302


@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/login/", "/api/v1/lists", "/metrics"])
def test_nothing_but_links_goes_by_such_a_host(path):
    make_host(WorkspaceFactory(), HOST)

    answer = Client(HTTP_HOST=HOST).get(path)

    assert (answer.status_code, answer.text) == (404, "There is nothing here.")


def test_a_host_that_has_not_proved_where_it_leads_may_only_do_that():
    message = make_sent(WorkspaceFactory())
    make_host(message.workspace, HOST, proved=False)
    reader = Client(HTTP_HOST=HOST, **READER)

    for url in ways(Links("", message.pk)):
        assert reader.get(url).status_code == 404
    answer = reader.post("/h")
    assert (answer.status_code, answer.content) == (200, tracking_hosts.proof(HOST))
    assert tracking_hosts.proof(HOST) != tracking_hosts.proof("x.example")
    assert not Hit.objects.exists()


def test_a_host_that_nobody_has_named_is_refused():
    message = make_sent(WorkspaceFactory())

    reader = Client(HTTP_HOST="elsewhere.example")

    assert reader.get(Links("", message.pk).click(0)).status_code == 400
    assert reader.post("/h").status_code == 400
    assert Client().post("/h").status_code == 404


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("go.elsewhere.example", "not_below"),
        ("harbour.example", "not_below"),
        ("go.harbour.example/x", "invalid_domain"),
        ("-", "invalid_domain"),
        ("mail.harbour.example", "taken"),
    ],
)
def test_hosts_that_cannot_be_taken(names, settings, host, code):
    settings.ALLOWED_HOSTS = ["mail.harbour.example"]
    domain = make_domain(names)

    with pytest.raises(Invalid) as refused:
        domains.update_domain(domain, tracking_host=host, by=SYSTEM)

    [problem] = refused.value.errors
    assert (problem.pointer, problem.code) == ("/tracking_host", code)
    domain.refresh_from_db()
    assert domain.tracking_host == ""


def tracked(domain):
    """What the check says about the host of its links."""
    domains.check_domain(domain, by=SYSTEM)
    found = [each for each in domain.findings if each["kind"] == "tracking"]
    return [(each["host"], each["expected"], each["level"]) for each in found]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_host_is_taken_once_it_leads_here_and_as_long_as_it_does(
    names, settings, monkeypatch, live_server
):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    port = live_server.thread.port
    monkeypatch.setattr(tracking_hosts, "PROOF_URL", f"http://{{host}}:{port}/h")
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: here if host == HOST else resolve(host, *rest, **more),
    )
    domain = make_domain(names)
    domains.update_domain(domain, tracking_host=HOST, by=SYSTEM)
    tracking_hosts.refresh()

    assert tracked(domain) == [(HOST, "links.harbour.example", "bad")]  # DNS knows no such name
    assert (domain.tracking_ready, domain.state) == (False, "verified")

    names.zone[HOST, "A"] = ["127.0.0.1"]
    assert tracked(domain) == [(HOST, "links.harbour.example", "good")]
    assert (domain.tracking_ready, bool(domain.tracking_proved_at)) == (True, True)

    rival = make_domain(names, tracking_host=HOST, workspace=WorkspaceFactory())
    assert tracked(rival) == [(HOST, "links.harbour.example", "bad")]
    assert not rival.tracking_ready
    assert tracking_hosts.find(HOST).workspace_id == domain.workspace_id

    names.zone.pop((HOST, "A"))
    assert tracked(domain) == [(HOST, "links.harbour.example", "bad")]
    assert (domain.tracking_ready, bool(domain.tracking_proved_at)) == (False, True)
    assert tracking_hosts.find(HOST).proved  # what has left still leads here

    verbs = AuditEntry.objects.of(domain.workspace).filter(verb__startswith="domain.tracking")
    assert [entry.verb for entry in verbs.order_by("id")] == [
        "domain.tracking_ready",
        "domain.tracking_failing",
    ]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ready", [True, False])
def test_all_that_a_message_links_to_leads_by_its_own_host_once_that_is_ready(
    wire, settings, ready
):
    settings.TRACKING_URL = "https://links.harbour.example"
    news = ListFactory()
    (ada,) = make_audience(1, on=news)
    make_host(news.workspace, HOST, proved=ready)
    base = f"https://{HOST}" if ready else "https://links.harbour.example"
    queue(
        [ada],
        on=news,
        html='<a href="https://example.com/start">x</a> {{ links.unsubscribe }}',
    )

    wire.send()

    mail = message_from_bytes(wire.mails[0], policy=policy.default)
    page = mail.get_body(("html",)).get_content()
    assert mail["List-Unsubscribe"].startswith(f"<{base}/u/")
    assert page.count(f"{base}/") == 4  # a link, the way out, the hidden link and the pixel
    assert "https://" not in page.replace(base, "").replace("http://www.w3.org", "")
