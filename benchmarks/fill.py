"""How many recipients a second enter the outbox, beside one bare INSERT … SELECT of the same rows.

A list on which some are suppressed, some archived and some have left. The campaign is filled page
by page, each with its cursor in a transaction, as the tick does it; whenever its backlog is full
the outbox is emptied, and the clock stands still meanwhile. The baseline has no pages, no cursor
and no lanes to look up, and writes all rows at once.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection

from accounts.audit import Actor
from benchmarks import send
from benchmarks.database import new_database
from campaigns import engine, services
from campaigns.models import Campaign
from delivery.models import Outbox, SenderIdentity
from subscribers.models import List
from templates_app import services as templates

BENCH = Actor.command("bench")
LEFT_OUT = (
    """INSERT INTO subscribers_suppression (uid, workspace_id, address_key, reason, note,
                                            created_at)
       SELECT gen_random_uuid(), workspace_id, address_key, 'hard_bounce', '', now()
         FROM subscribers_subscriber WHERE id % 50 = 0""",
    "UPDATE subscribers_subscriber SET archived_at = now() WHERE id % 100 = 1",
    "UPDATE subscribers_subscription SET state = 'unsubscribed' WHERE subscriber_id % 40 = 2",
    "VACUUM ANALYZE",
)
BARE = """
INSERT INTO delivery_outbox (workspace_id, kind, source_id, step_key, run, variant, subscriber_id,
                             list_id, template_version_id, sender_id, message_class, priority,
                             domain_group, queued_at, run_at, thread, attempts, last_reply)
SELECT subscriber.workspace_id, 'campaign', %(campaign)s, '', 0, '', subscriber.id,
       subscription.list_id, %(version)s, %(sender)s, 'marketing', %(priority)s, 'other', now(),
       now(), '', 0, ''
  FROM subscribers_subscription AS subscription
  JOIN subscribers_subscriber AS subscriber ON subscriber.id = subscription.subscriber_id
 WHERE subscription.list_id = %(list)s AND subscription.state = 'confirmed'
   AND subscriber.archived_at IS NULL
   AND NOT EXISTS (SELECT FROM subscribers_suppression AS suppression
                    WHERE suppression.workspace_id = subscriber.workspace_id
                      AND suppression.address_key = subscriber.address_key)
"""


def run(*, size: int, rounds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Fill campaigns to a list of `size` people, in turns with the baseline."""
    with tempfile.TemporaryDirectory() as folder, new_database():
        say(f"Importing {size:,} people …")
        to = send.import_people_of(Path(folder) / "people.csv", size, person=_person, fields={})
        for statement in LEFT_OUT:
            _execute(statement)
        ours, bare = [], []
        for number in range(rounds):
            campaign = _campaign(to, number)
            count, seconds = _fill(campaign)
            ours.append(count / seconds)
            expected, seconds = _bare(campaign)
            bare.append(expected / seconds)
            if count != expected:
                raise RuntimeError(f"{count} were queued, and {expected} should have been.")
            say(f"{ours[-1]:,.0f} rows/s, baseline {bare[-1]:,.0f}")
    pairs = zip(ours, bare, strict=True)
    return {
        "bench": "fill",
        "seconds": round(count / statistics.median(ours), 1),
        "rate": round(statistics.median(ours)),
        "baseline": {"name": "one INSERT … SELECT", "rate": round(statistics.median(bare))},
        "ratio_baseline": round(statistics.median(one / other for one, other in pairs), 2),
        "rates": [[round(rate) for rate in rates] for rates in (ours, bare)],
        "people": size,
        "queued": count,
    }


def _fill(campaign: Campaign) -> tuple[int, float]:
    """How many were queued, and the seconds that took."""
    count, seconds = 0, 0.0
    while campaign.filled_at is None:
        began = time.perf_counter()
        while queued := engine.fill():
            count += queued
        seconds += time.perf_counter() - began
        campaign.refresh_from_db()
        _execute("TRUNCATE delivery_outbox")
    return count, seconds


def _bare(campaign: Campaign) -> tuple[int, float]:
    query = {
        "campaign": campaign.pk,
        "version": campaign.template_version_id,
        "sender": campaign.sender_id,
        "list": campaign.list_id,
        "priority": Outbox._meta.get_field("priority").default,
    }
    began = time.perf_counter()
    count = _execute(BARE, query)
    seconds = time.perf_counter() - began
    _execute("TRUNCATE delivery_outbox")
    return count, seconds


def _person(number: int) -> dict[str, str]:
    return {"email": f"person-{number}@post{number % 500}.example"}


def _campaign(to: List, number: int) -> Campaign:
    workspace = to.workspace
    template = templates.create_template(
        workspace,
        name=f"News {number}",
        slug=f"news-{number}",
        subject="News",
        html="<p>News</p><p>{{ links.unsubscribe }}</p>",
        by=BENCH,
    )
    campaign = services.create_campaign(
        workspace,
        name=f"News {number}",
        list=to,
        template=template,
        sender=SenderIdentity.objects.get(workspace=workspace),
        by=BENCH,
    )
    services.send(campaign, by=BENCH)
    campaign.refresh_from_db()
    return campaign


def _execute(statement: str, query: dict[str, Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, query)
        return int(cursor.rowcount)
