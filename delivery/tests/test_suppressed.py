from __future__ import annotations

import hashlib

import pytest

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from delivery.models import SendLedger
from delivery.states import MessageClass
from delivery.tests.factories import queue
from subscribers import services as people
from subscribers.tests.factories import ListFactory, SubscriptionFactory

ADA = "ada@rival.example"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def place(news, email: str):
    return SubscriptionFactory(
        list=news, subscriber__workspace=news.workspace, subscriber__email=email
    ).subscriber


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_the_gate_skips_a_domain_and_a_digest(wire):
    news = ListFactory()
    ada, bob, sub, cyd = (
        place(news, email)
        for email in (ADA, "bob@fair.example", "eve@sub.rival.example", "cyd@fair.example")
    )
    people.suppress(news.workspace, domain="@Rival.example", reason="manual", by=SYSTEM)
    people.suppress(news.workspace, digest=sha256(cyd.email), reason="unsubscribed", by=SYSTEM)
    people.suppress(WorkspaceFactory(), domain="fair.example", reason="manual", by=SYSTEM)
    queue([ada, bob, sub, cyd], on=news)
    queue([cyd], on=None, source_id=2, message_class=MessageClass.TRANSACTIONAL)

    wire.send()

    outcomes = SendLedger.objects.values_list("subscriber__email", "outcome", "reason")
    assert sorted(outcomes) == [
        (ADA, "skipped", "suppressed: manual"),
        ("bob@fair.example", "sent", ""),
        ("cyd@fair.example", "sent", ""),  # a no to marketing is none to what they asked for
        ("cyd@fair.example", "skipped", "suppressed: unsubscribed"),
        ("eve@sub.rival.example", "sent", ""),
    ]
