"""People who press buttons while messages leave."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.audit import SYSTEM
from campaigns import engine, services
from delivery.engine import WIRES
from delivery.models import Outbox, SendLedger
from subscribers.models import Subscription
from tests.faults.verdict import verify

ci = pytest.mark.faults(group="ci")
nightly = pytest.mark.faults(group="nightly")


@ci
def test_f27_pausing_and_resuming_over_and_over_loses_nothing(lab):
    pauses = 200 if lab.at_full_size else 40
    look = 0.25  # who is marked in a pause and looks after it may leave, on a busy machine
    with lab.rig() as rig:
        campaign, silences = rig.send(lab.size(ci=1500)), []
        rig.wait_until_under_way(campaign)
        for _ in range(pauses):
            services.pause(campaign, by=SYSTEM)
            paused_at = time.time()
            time.sleep(lab.chance.uniform(0, 2 * look))
            silences.append((paused_at, time.time() - look))
            services.resume(campaign, by=SYSTEM)
            if rig.is_settled(campaign):
                break
            time.sleep(lab.chance.uniform(0, 0.3))
        rig.settle(campaign)

        counts = rig.books(campaign)
        marks = SendLedger.objects.filter(**campaign.source).values_list("wire_at", flat=True)
        broken = [
            mark for mark in marks if any(begin < mark.timestamp() < end for begin, end in silences)
        ]
        lab.note(pauses=len(silences), marked_while_paused=len(broken))
        verify(lab, rig, counts)
        assert counts.owed == counts.sent == counts.arrived
        assert len(silences) >= 20, "it was over too soon"
        assert broken == [], "messages went to the wire while it was paused"


@ci
def test_a_campaign_paused_and_killed_twice_reaches_everybody_and_its_cancelled_twin_nobody_late(
    lab,
):
    size = lab.size(ci=2000, full=100_000)
    with lab.rig() as rig:
        campaign, twin = rig.send(size), rig.send(size // 2)
        rig.wait_until_under_way(campaign)
        bitten = []
        for _ in range(2):
            rig.wait(rig.busy_senders, seconds=90)
            victim = lab.chance.choice(rig.busy_senders() or rig.senders)
            bitten.append(rig.kill(victim))
            services.pause(campaign, by=SYSTEM)
            rig.start(victim)
            time.sleep(lab.chance.uniform(0, 0.5))
            services.resume(campaign, by=SYSTEM)
        services.cancel(twin, by=SYSTEM)
        cancelled_at = time.time()
        rig.settle(campaign, twin, seconds=60 + size / 25)

        counts, others = rig.books(campaign), rig.books(twin)
        lab.note(bitten=bitten, cancelled=others.skipped["cancelled"])
        verify(lab, rig, counts)
        campaign.refresh_from_db()
        assert campaign.recipient_count == size == counts.owed == counts.sent + counts.in_doubt
        assert counts.in_doubt <= 2 * WIRES
        twin.refresh_from_db()
        told = SendLedger.objects.filter(**twin.source)
        doubts = Outbox.objects.filter(**twin.source).exclude(doubt_at=None).count()
        assert told.count() + doubts == twin.recipient_count
        marks = told.filter(outcome="sent").values_list("wire_at", flat=True)
        assert [mark for mark in marks if mark.timestamp() > cancelled_at] == []
        assert campaign.state == ("sending" if counts.in_doubt else "sent")


@nightly
def test_f28_nothing_leaves_after_a_cancel(lab):
    with lab.rig() as rig:
        campaign = rig.send(lab.size(ci=2000))
        rig.wait_until_under_way(campaign)
        rig.wait(lambda: rig.accepted() > 50, seconds=60)
        services.cancel(campaign, by=SYSTEM)
        cancelled_at = time.time()
        rig.settle(campaign)

        counts = rig.books(campaign)
        owed = SendLedger.objects.filter(**campaign.source).count()
        verify(lab, rig, counts)
        marks = SendLedger.objects.filter(outcome="sent").values_list("wire_at", flat=True)
        assert [mark for mark in marks if mark.timestamp() > cancelled_at] == []
        assert counts.skipped["cancelled"] == owed - counts.sent > 0


@ci
@pytest.mark.parametrize("turn", range(5 if os.environ.get("SIZE") == "full" else 1))
def test_f29_a_no_wins_until_the_message_is_on_the_wire(lab, turn):
    lab.reseed(lab.seed + turn)
    size = lab.size(ci=800, nightly=4000, full=4000)
    with lab.rig(web=True, latency=100 if size < 4000 else 300) as rig:  # time enough to leave
        campaign = rig.send(size)
        rig.wait_until_under_way(campaign)
        told = leave_while_it_is_sent(rig, campaign, lab, most=size // 2)
        rig.settle(campaign)

        counts = rig.books(campaign, told=told)
        won = counts.skipped.get("not subscribed", 0)
        lab.note(unsubscribed=len(told), won=won, had_left=len(told) - won)
        verify(lab, rig, counts)
        assert 0 < won <= len(told), "nobody was in time"
        assert won < len(told), "nobody was too late: there was no race"
        assert counts.sent + won + counts.in_doubt == counts.owed


def leave_while_it_is_sent(rig, campaign, lab, *, most):
    """People leave whose message is about to go, by one click; when each had been told "done"."""
    told: dict[str, float] = {}
    asked: set[int] = set()

    def leave(row):
        message_id, email = row
        if rig.unsubscribe(message_id) == 200:
            told[email] = time.time()

    rig.wait_for_web()
    with ThreadPoolExecutor(4) as pool:
        while len(asked) < most and not rig.is_settled(campaign):
            queued = Outbox.objects.filter(**campaign.source).exclude(pk__in=asked)
            held = queued.exclude(lease_token=None).filter(wire_at=None).order_by("run_at", "id")
            rows = [*held.values_list("id", "subscriber__email")[:40]]
            chosen = lab.chance.sample(rows, min(8, len(rows)))
            asked |= {message_id for message_id, _ in chosen}
            list(pool.map(leave, chosen))
    return told


@nightly
def test_f43_what_was_answered_with_yes_is_done_though_its_server_dies(lab):
    with lab.rig(web=True, senders=0, beats=0) as rig:
        campaign = rig.send(lab.size(nightly=400, full=400))
        rig.wait_for_web()
        rows = queue(campaign)
        answers: dict[str, int] = {}

        def leave(row: tuple[int, str]) -> None:
            answers[row[1]] = rig.unsubscribe(row[0])
            time.sleep(0.1)

        killed = while_killing(rig, lambda: list(ThreadPoolExecutor(4).map(leave, rows)))

        left = set(
            Subscription.objects.filter(list=campaign.list, state="unsubscribed").values_list(
                "subscriber__email", flat=True
            )
        )
        yes = {email for email, status in answers.items() if status == 200}
        lab.note(killed=killed, asked=len(rows), yes=len(yes), unanswered=len(rows) - len(yes))
        assert killed >= 3
        assert 0 < len(yes) < len(rows), "no request met a kill"
        assert yes <= left, "somebody was told yes, and is still subscribed"


def queue(campaign):
    """The campaign's messages in the outbox, without anybody who sends them."""
    engine.fill()
    rows = Outbox.objects.filter(**campaign.source)
    return list(rows.values_list("id", "subscriber__email"))


def while_killing(rig, work: Callable[[], object]) -> int:
    """Do something while the web server's children are killed; how many were."""
    over, killed = threading.Event(), 0

    def strike() -> None:
        nonlocal killed
        while not over.wait(2):
            for child in rig.pool_children("web")[:1]:
                os.kill(child, signal.SIGKILL)
                killed += 1

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        work()
    finally:
        over.set()
        thread.join()
        connection.close()
    return killed
