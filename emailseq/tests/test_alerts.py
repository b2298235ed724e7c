"""Mail by itself: that something needs attention, that all is well again, what a week came to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from accounts.models import Workspace
from accounts.tests.factories import MembershipFactory, WorkspaceFactory
from analytics.models import Rollup
from delivery.models import Lease, TransactionalMessage
from emailseq import alerts, health, summaries
from emailseq.celery import TICKS
from emailseq.lib import clock, ids

pytestmark = pytest.mark.django_db
BEGIN = datetime.now(UTC)  # leases go by the database's own clock
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)


def subjects():
    found = TransactionalMessage.objects.order_by("id").select_related("subscriber")
    return [(each.subscriber.email, each.data["subject"]) for each in found]


def at(minutes, *, well=True):
    """A look at that time, with everything running, or without a sender."""
    with clock.frozen(BEGIN + timedelta(minutes=minutes)):
        now = clock.now()
        for task, _, _ in TICKS.values():
            cache.set(f"tick:{task}", (now - timedelta(hours=task == health.PUMP)).timestamp())
        Lease.objects.all().delete()
        if well:
            Lease.objects.create(token=ids.new(), worker="h:1", until=BEGIN + timedelta(days=3))
        return alerts.tell()


@pytest.fixture
def owner():
    workspace = WorkspaceFactory()
    MembershipFactory(workspace=workspace, role="Marketer")
    MembershipFactory(workspace=workspace, alerts=False)
    return MembershipFactory(workspace=workspace).user.email


def test_a_problem_is_told_once_a_day_and_its_end_once(owner):
    wrong, well = "emailseq needs attention: sender", "emailseq is well again"

    assert [at(0, well=False), at(4, well=False)] == [0, 0]  # it may mend itself
    assert [at(5, well=False), at(6, well=False)] == [1, 0]
    assert [at(7), at(9, well=False), at(20, well=False)] == [0, 0, 0]  # it comes and goes
    assert [at(30), at(34), at(35), at(50)] == [0, 0, 1, 0], subjects()
    assert [at(60, well=False), at(70, well=False), at(5 + 1440, well=False)] == [0, 0, 1]

    assert subjects() == [(owner, wrong), (owner, well), (owner, wrong)]
    assert TransactionalMessage.objects.first().data["paragraphs"][0].startswith("sender: No pump")


def test_nothing_is_told_while_all_is_well(owner):
    assert [at(0), at(10)] == [0, 0], subjects()


def test_a_person_with_two_workspaces_gets_one_mail(owner):
    MembershipFactory(user=Workspace.objects.get().memberships.latest("pk").user)

    at(0, well=False)

    assert at(6, well=False) == 1


def week(workspace, *, sent, starting):
    Rollup.objects.create(
        workspace=workspace,
        source_kind="campaign",
        source_id=1,
        kind="message.sent",
        hour=starting,
        count=sent,
        first_count=sent,
    )


def test_a_week_is_summed_up_on_monday_morning_once():
    workspace = WorkspaceFactory(name="Harbour", time_zone="Europe/Berlin")
    owner = MembershipFactory(workspace=workspace).user.email
    MembershipFactory(workspace=workspace, weekly=False)
    MembershipFactory(workspace=workspace, role="Marketer")
    MembershipFactory()  # where nothing happened
    week(workspace, sent=10, starting=MONDAY - timedelta(days=14))
    week(workspace, sent=1234, starting=MONDAY - timedelta(days=7))
    week(workspace, sent=5, starting=MONDAY + timedelta(hours=1))

    sent = []
    for hours in (-24, 5.9, 6, 6.1, 24, 7 * 24 + 12):
        with clock.frozen(MONDAY + timedelta(hours=hours)):
            sent.append(summaries.send_due())

    assert sent == [0, 0, 1, 0, 0, 1]
    assert subjects() == [(owner, "Harbour: your week")] * 2
    first, second = TransactionalMessage.objects.order_by("id")
    assert first.data["paragraphs"][:2] == [
        "From 2 March until 8 March:",
        "Sent: 1,234 (the week before: 10).",
    ]
    assert second.data["paragraphs"][1] == "Sent: 5 (the week before: 1,234)."
    assert (first.data["page"], first.data["key"]) == ("admin", "reports")


def test_a_summary_that_was_due_on_monday_comes_later_but_not_the_first_one():
    known, new = WorkspaceFactory(summarized_on=MONDAY - timedelta(days=7)), WorkspaceFactory()
    for workspace in (known, new):
        MembershipFactory(workspace=workspace)
        week(workspace, sent=3, starting=MONDAY - timedelta(days=1))

    with clock.frozen(MONDAY + timedelta(days=2)):
        assert summaries.send_due() == 1
