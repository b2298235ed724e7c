"""Mailbox providers, reasons, time to open, lists and weeks of entry: counted from the log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analytics import tables
from analytics.models import Share
from analytics.providers import (
    Provider,
    Reason,
    Reputation,
    delays,
    providers,
    providers_of,
    whole,
)
from analytics.recount import drift, rebuild
from analytics.shares import reason
from analytics.tests.factories import NOON, catch_up
from delivery.models import SendLedger
from emailseq.lib import clock
from subscribers import events
from subscribers.events import NewEvent
from subscribers.models import Subscriber
from subscribers.tests.factories import SubscriberFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def person():
    return SubscriberFactory()


def sent(person, number, group):
    return SendLedger.objects.create(
        id=number,
        workspace=person.workspace,
        kind="campaign",
        source_id=7,
        subscriber=person,
        template_version_id=1,
        sender_id=1,
        domain_group=group,
        queued_at=NOON,
        finished_at=NOON,
        outcome="sent",
    )


def fact(person, kind, message, *, at=NOON, verdict="", **properties):
    return NewEvent(
        *(person.workspace_id, person.pk, f"message.{kind}", at, "campaign", 7),
        message_id=message,
        verdict=verdict,
        properties=properties,
    )


def list_fact(person, kind):
    at = (person.workspace_id, person.pk, f"subscription.{kind}", NOON)
    return NewEvent(*at, properties={"list_id": 9})


def test_each_provider_has_its_numbers_and_reasons(person, django_assert_num_queries):
    for number, group in enumerate(("google", "google", "gmx"), 1):
        sent(person, number, group)
    busy, full = "450 4.2.1 mailbox busy", "452 4.2.2 Over quota"
    human = {"verdict": "human", "at": NOON + 2 * MINUTE}
    events.record_many(
        [
            *(fact(person, "sent", number) for number in (1, 2, 3)),
            fact(person, "deferred", 1, reason=full),
            fact(person, "deferred", 1, reason=full),
            fact(person, "deferred", 3, reason=busy),
            fact(person, "failed", 3, verdict="hard", reason="unknown_recipient"),
            fact(person, "bounced", 2, verdict="hard", reason="No such user", status="5.1.1"),
            fact(person, "complained", 1),
            fact(person, "opened", 1, first=True, **human),
            fact(person, "opened", 1, **human),
            fact(person, "opened", 3, verdict="machine"),
            fact(person, "clicked", 1, first=True, **human),
            fact(person, "sent", 99),  # of a message that nobody knows any more
        ]
    )

    catch_up("shares")

    google = Provider(
        *("google", 2, 2, 0, 1, 1, 1, 1, 0),
        reasons=[Reason("deferred", "mailbox_full", 2), Reason("bounced", "unknown_recipient", 1)],
    )
    gmx = Provider(
        *("gmx", 1, 1, 1, 0, 0, 0, 0, 0),
        reasons=[Reason("deferred", "deferred", 1), Reason("failed", "unknown_recipient", 1)],
    )
    with django_assert_num_queries(1):
        assert providers("campaign", 7) == [google, gmx]
    assert providers("campaign", 8) == []
    with clock.frozen(NOON + timedelta(days=6)):
        assert providers_of(person.workspace, days=7) == [google, gmx]
        assert providers_of(person.workspace, days=6) == []
    assert (google.delivered_rate, gmx.delivered_rate, google.complaint_rate) == (0.5, 0.5, 0.5)
    assert whole([google, gmx]) == Provider("", 3, 3, 1, 1, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("sent_count", "complained", "expected"),
    [
        (999, 30, Reputation.UNKNOWN),
        (10_000, 9, Reputation.GOOD),
        (10_000, 10, Reputation.WATCH),
        (10_000, 29, Reputation.WATCH),
        (10_000, 30, Reputation.BAD),
    ],
)
def test_complaints_make_a_reputation(sent_count, complained, expected):
    assert Provider("google", sent=sent_count, complained=complained).reputation is expected


def test_the_time_to_the_first_open_is_told_by_steps(person):
    for number in range(1, 6):
        sent(person, number, "google")
    after = (0, 5, 6, 24 * 60, 8 * 24 * 60)
    opened = {"verdict": "human", "first": True}
    events.record_many(
        [
            *(
                fact(person, "opened", number, at=NOON + minutes * MINUTE, **opened)
                for number, minutes in enumerate(after, 1)
            ),
            fact(person, "opened", 1, at=NOON + 9 * MINUTE, verdict="human"),
        ]
    )

    catch_up("shares")

    found = {within: count for within, count in delays("campaign", 7) if count}
    assert found == {300: 2, 900: 1, 86_400: 1, None: 1}
    assert len(delays("campaign", 8)) == 10


def test_activity_counts_a_person_once_a_week_by_their_entry(person):
    friend = SubscriberFactory(workspace=person.workspace)
    Subscriber.objects.update(created_at=NOON - timedelta(days=14))  # a Tuesday
    human = {"verdict": "human"}
    week = timedelta(days=7)
    with clock.frozen(NOON):
        events.record_many(
            [
                fact(person, "opened", None, at=NOON - week, **human),
                fact(person, "opened", None, **human),
                fact(person, "clicked", None, **human),
                fact(friend, "clicked", None, **human),
                fact(friend, "clicked", None, verdict="machine"),
            ]
        )
    catch_up("shares")
    with clock.frozen(NOON + MINUTE):
        events.record_many([fact(person, "clicked", None, at=NOON + MINUTE, **human)])
    catch_up("shares")

    rows = Share.objects.filter(by="entry", kind="active").order_by("detail")
    assert [*rows.values_list("value", "detail", "count")] == [
        ("2026-W46", "1", 1),
        ("2026-W46", "2", 2),
    ]


@pytest.mark.parametrize(
    ("kind", "properties", "expected"),
    [
        ("message.deferred", {"reason": "451 4.7.1 Greylisted, come back"}, "greylisted"),
        ("message.deferred", {"reason": "421 4.7.28 rate limited"}, "rate"),
        ("message.bounced", {"reason": "", "status": "5.2.2"}, "mailbox_full"),
        ("message.bounced", {"reason": "550 5.7.1 listed at spamhaus"}, "policy"),
        ("message.failed", {"reason": "frequency cap"}, "frequency cap"),
        ("message.deferred", {}, "undecided"),
    ],
)
def test_a_reason_is_one_of_few_words(kind, properties, expected):
    assert reason(kind, properties) == expected


def test_with_what_people_read_is_counted_for_people_only(person):
    on_phone = {"client": "safari", "device": "phone"}
    gmail = {"client": "gmail", "device": ""}
    events.record_many(
        [
            fact(person, "opened", 1, verdict="human", first=True, **gmail),
            fact(person, "opened", 1, verdict="human", **on_phone),
            fact(person, "clicked", 1, verdict="human", first=True, **on_phone),
            fact(person, "opened", 2, verdict="human", first=True, **gmail),
            fact(person, "opened", 3, verdict="human", first=True, client="", device="phone"),
            fact(person, "opened", 4, verdict="human", first=True),  # as it was told before
            fact(person, "opened", 5, verdict="machine"),
            list_fact(person, "confirmed"),
        ]
    )
    catch_up("shares")

    assert tables.of_clients("campaign", 7).rows == [
        ("gmail", 2, 0),
        ("", 1, 0),
        ("safari", 0, 1),
    ]
    assert tables.of_devices("campaign", 7).rows == [("", 2, 0), ("phone", 1, 1)]
    shares = Share.objects.filter(by="client", value="safari").values_list("kind", "count")
    assert sorted(shares) == [("message.clicked", 1), ("message.opened", 1)]
    assert [found for found in drift() if found.book == "shares"] == []
    Share.objects.filter(by="client", value="gmail").update(count=7)
    Share.objects.filter(by="list").delete()
    wrong = [str(found) for found in drift() if found.book == "shares"]
    assert wrong == [
        "message.opened by client gmail human of campaign 7:"
        " 7 (2 first) in shares, not 2 (2 first).",
        f"subscription.confirmed by list 9 on {NOON:%Y-%m-%d}:"
        " 0 (0 first) in shares, not 1 (0 first).",
    ]
    others = [found for found in drift() if found.book in ("rollups", "links")]
    assert rebuild() == 2 + len(others)
    assert [found for found in drift() if found.book == "shares"] == []
