"""Whole domains and digests stop messages wherever single addresses do, and nobody else's."""

from __future__ import annotations

import csv
import hashlib
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.audit import SUBSCRIBER, SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from campaigns import audience
from campaigns.tests.factories import CampaignFactory
from delivery import explain
from sequences import engine as sequences
from sequences.tests.factories import EMAIL, make_live, make_runs
from subscribers import services as people
from subscribers.models import Suppression
from subscribers.tests.factories import ListFactory, SubscriptionFactory

ADA = "ada@rival.example"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def place(news, email: str):
    return SubscriptionFactory(
        list=news, subscriber__workspace=news.workspace, subscriber__email=email
    ).subscriber


@pytest.mark.django_db
def test_audiences_sequences_and_explanations_leave_them_out():
    campaign = CampaignFactory()
    news, workspace = campaign.list, campaign.workspace
    ada, _, cyd = (place(news, email) for email in (ADA, "b@fair.example", "cyd@fair.example"))
    sequence = make_live(EMAIL, workspace=workspace)
    [run] = make_runs(sequence)
    domain = run.subscriber.email.partition("@")[2]
    people.suppress(workspace, domain="rival.example", reason="manual", by=SYSTEM)
    people.suppress(workspace, digest=sha256(cyd.email), reason="complaint", by=SYSTEM)
    people.suppress(workspace, domain=domain, reason="manual", by=SYSTEM)

    counted = audience.count(campaign)
    sequences.advance()

    assert (counted.recipients, counted.left_out["suppressed"]) == (1, 2)
    run.refresh_from_db()
    assert (run.state, run.reason) == ("exited", "suppressed: manual")
    gates = {
        person: next(
            gate.because
            for gate in explain.gates(person, "campaign", campaign.pk, consent_list=news)
            if gate.gate == "suppressed"
        )
        for person in (ada, cyd)
    }
    assert gates == {ada: "manual", cyd: "complaint"}


@pytest.mark.django_db
def test_who_comes_back_in_person_takes_their_digest_back_but_not_their_domain():
    news = ListFactory()
    person = place(news, ADA)
    people.suppress(news.workspace, digest=sha256(ADA), reason="unsubscribed", by=SYSTEM)
    people.suppress(news.workspace, domain="rival.example", reason="unsubscribed", by=SYSTEM)
    person.subscriptions.update(state="pending")

    people.confirm(person.subscriptions.get(), by=SUBSCRIBER)

    assert [row.address_key for row in Suppression.objects.all()] == ["@rival.example"]


@pytest.mark.django_db
def test_the_api_takes_one_of_three_and_never_tells_a_digest():
    api = Api(WorkspaceFactory())

    domain = api("POST", "/suppressions", {"domain": "Bücher.example", "note": "competitor"})
    digest = api("POST", "/suppressions", {"digest": sha256(ADA), "reason": "complaint"})
    both = api("POST", "/suppressions", {"domain": "a.example", "email": "a@a.example"})
    none = api("POST", "/suppressions", {"reason": "manual"})
    bad = api("POST", "/suppressions", {"digest": "abc"})

    shown = {name: domain.json()[name] for name in ("kind", "email", "domain", "note")}
    assert shown == {
        "kind": "domain",
        "email": None,
        "domain": "xn--bcher-kva.example",
        "note": "competitor",
    }
    assert digest.json()["kind"] == "digest"
    assert (
        sha256(ADA)
        not in digest.content.decode() + Suppression.objects.get(reason="complaint").address_key
    )
    assert [answer.status_code for answer in (both, none, bad)] == [400, 400, 400]
    assert bad.json()["errors"][0]["pointer"] == "/digest"
    assert Suppression.objects.count() == 2


@pytest.mark.django_db
def test_many_are_suppressed_at_once_or_none():
    client = sign_in()
    url = reverse("admin:subscribers_suppression_suppress")

    refused = act(client, url, named="good@example.com\nnobody\n@no dots", reason="manual")
    assert not is_done(refused)
    assert "“nobody”" in refused.content.decode()
    assert not Suppression.objects.exists()

    lines = f"Good@Example.com\n\n@rival.example\n{sha256(ADA)}\ngood@example.com"
    assert is_done(act(client, url, named=lines, reason="complaint", note="by phone"))

    rows = Suppression.objects.order_by("address_key")
    assert [row.kind for row in rows] == ["domain", "address", "digest"]
    assert {(row.reason, row.note, row.source) for row in rows} == {
        ("complaint", "by phone", client.user.email)
    }
    assert AuditEntry.objects.filter(verb="suppression.added").count() == 3


@pytest.mark.django_db
def test_what_is_exported_comes_in_again_as_it_was(tmp_path):
    client = sign_in()
    own, other = client.workspace, WorkspaceFactory(slug="other")
    people.suppress(own, email="a@example.com", reason="manual", by=SYSTEM, note="=1+1")
    people.suppress(own, domain="rival.example", reason="manual", by=SYSTEM)
    people.suppress(own, digest=sha256(ADA), reason="manual", by=SYSTEM)

    answer = client.get(reverse("admin:subscribers_suppression_export"))
    text = answer.getvalue().decode()

    assert [row[:3] for row in csv.reader(StringIO(text))][:3] == [
        ["email", "reason", "note"],
        ["a@example.com", "manual", "'=1+1"],
        ["'@rival.example", "manual", ""],
    ]
    file = tmp_path / "suppressions.csv"
    call_command("export_suppressions", str(file), "--workspace", own.slug, stdout=StringIO())
    assert file.read_bytes().decode() == text
    options = ("--reason", "manual", "--workspace", "other")
    call_command("suppress_addresses", str(file), *options, stdout=StringIO())

    def keys(workspace):
        return set(Suppression.objects.of(workspace).values_list("address_key", flat=True))

    assert keys(other) == keys(own)
    assert len(keys(own)) == 3
