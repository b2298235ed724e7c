"""On a long history, the numbers of the consumers are those of a count over the log."""

from __future__ import annotations

from collections import Counter

import pytest

from analytics.models import Rollup
from analytics.numbers import numbers_by_source
from analytics.providers import providers
from analytics.recount import drift
from analytics.tests.factories import catch_up
from benchmarks.stats import History
from delivery.models import SendLedger
from delivery.states import SourceKind
from subscribers.models import Event

pytestmark = [pytest.mark.pg, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
MESSAGES = 5_000


def test_numbers_are_what_a_count_over_the_log_says():
    history = History()
    history.write(MESSAGES)
    SendLedger.objects.bulk_create(
        SendLedger(
            id=number,
            workspace=history.workspace,
            kind="campaign",
            source_id=1,
            subscriber_id=1,
            template_version_id=1,
            sender_id=1,
            domain_group="google" if number % 3 else "gmx",
            queued_at=at,
            finished_at=at,
            outcome="sent",
        )
        for number, at in Event.objects.filter(kind="message.sent").values_list(
            "message_id", "occurred_at"
        )
    )

    catch_up()
    catch_up("shares")

    assert history.wrong() == 0
    assert [one for one in drift() if one.book == "rollups"] == []
    assert sum(Rollup.objects.values_list("count", flat=True)) >= history.events
    found, expected = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for kind, ids in (
        (SourceKind.CAMPAIGN, history.campaigns),
        (SourceKind.SEQUENCE, history.sequences),
    ):
        sent = sum(each.sent for each in numbers_by_source(kind, ids).values())
        assert sent == Event.objects.filter(kind="message.sent", source_kind=kind).count()
        for source_id in ids:
            for each in providers(kind, source_id):
                found.update({(each.provider, name): getattr(each, name) for name in NAMES})
    for event in Event.objects.filter(message_id__isnull=False):
        provider, name = "google" if event.message_id % 3 else "gmx", event.kind[8:]
        by_people = name in ("opened", "clicked")
        if name in NAMES and (not by_people or event.properties.get("first")):
            expected[provider, name] += 1
    assert found == expected


NAMES = ("sent", "opened", "clicked", "bounced", "complained", "unsubscribed")
