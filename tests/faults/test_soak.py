"""Everything at once, for ten minutes: `make faults F=44`."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from delivery.models import Outbox
from sequences.models import Enrollment
from sequences.tests.factories import EMAIL, make_live, make_runs
from subscribers.models import Subscriber
from tests.faults.test_mail import let_the_schedule_come
from tests.faults.test_servers import LOST
from tests.faults.verdict import verify

MINUTES = 10
SHARES = {"rcpt_550": 0.02, "once_451": 0.02, "drop": 0.02}  # all of which end in ten minutes
COUNTED = ("owed", "sent", "arrived", "in_doubt", "missing", "unsent", "unknown", "extra")


@pytest.mark.faults(group="hand")
def test_f44_ten_minutes_of_everything(lab):
    people = lab.size(ci=600)
    with lab.rig(latency=20, environment={"EMAILSEQ_MAX_BOUNCES": "90"}) as rig:
        live, campaigns, kills, sizes = make_live(EMAIL), [], 0, []
        over = time.monotonic() + 60 * MINUTES
        while time.monotonic() < over:
            campaigns.append(rig.send(people, tags=SHARES))
            make_runs(live, people // 10)
            time.sleep(10)
            victim = lab.chance.choice([*rig.senders, "worker", "beat-0"])
            rig.kill(victim)
            rig.start(victim)
            kills += 1
            if kills % 4 == 0:
                rig.servers.valkey.flushall()
            sizes.append((rig.peaks().copy(), outbox_bytes()))
        time.sleep(20)
        for campaign in campaigns:
            let_the_schedule_come(campaign)
        rig.settle(*campaigns, seconds=300)
        rig.wait(lambda: not Enrollment.objects.filter(state="active").exists(), seconds=60)

        books = [rig.books(campaign) for campaign in campaigns]
        total = {name: sum(getattr(one, name) for one in books) for name in COUNTED}
        half, whole = sizes[len(sizes) // 2], sizes[-1]
        lab.note(campaigns=len(campaigns), kills=kills, total=total, half=half, whole=whole)
        verify(lab, rig, books[-1], expected=LOST)
        assert {(one.missing, one.unsent, one.extra, one.unknown) for one in books} == {
            (0, 0, 0, 0)
        }
        assert Subscriber.objects.count() == len(campaigns) * (people + people // 10)
        assert Outbox.objects.filter(doubt_at=None).count() == 0
        for kind, peak in half[0].items():
            assert whole[0][kind] < peak * 1.2, f"{kind} grows"
        assert whole[1] < max(2 * half[1], 8_000_000), "the outbox bloats"


def outbox_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('delivery_outbox')")
        return int(cursor.fetchone()[0])
