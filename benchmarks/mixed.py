"""How long a message of a sequence waits while a large campaign is sent and readers click.

Senders pump a campaign to a list. Meanwhile messages of a sequence become due in a steady stream,
and opens of the campaign come in; this process does what the worker does: it judges hits and counts
events. Measured is the time from "due" to the wire mark of each message of the sequence; all have
to leave while the campaign is still under way.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.db import connection

from benchmarks import send, sinks
from benchmarks.crew import Hand
from benchmarks.database import new_database
from benchmarks.sinks import Postfix
from campaigns.models import Campaign
from delivery import hits
from delivery import services as delivery
from delivery.models import Outbox, SendLedger
from delivery.services import NewMessage
from delivery.states import Priority, SourceKind
from emailseq.lib import clock
from subscribers import feed
from subscribers.models import Subscriber

DUE = 5000  # messages of the sequence, in all
DUE_PER_SECOND = 250
HITS_PER_SECOND = 500
TICK_SECONDS = 0.2
PATIENCE_SECONDS = 300
HITS = """
INSERT INTO delivery_hit (message_id, kind, link, at, user_agent, network)
SELECT id, 'open', 0, now(), 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)', '198.51.100.0/24'
  FROM delivery_ledger WHERE id > %(after)s ORDER BY id LIMIT %(count)s
RETURNING message_id
"""
WAITED = """
SELECT percentile_cont(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP
       (ORDER BY extract(epoch FROM wire_at - queued_at)), count(*)
  FROM delivery_ledger WHERE kind = 'sequence' AND outcome = 'sent'
"""


def run(
    *, size: int, senders: int, postfix: Path | None, say: Callable[[str], object]
) -> dict[str, Any]:
    """Send a campaign of `size` messages, and 5,000 of a sequence meanwhile; what was measured."""
    tools = Postfix.find(postfix)
    with tempfile.TemporaryDirectory() as folder, new_database() as urls, ExitStack() as stack:
        say(f"Importing {size:,} people …")
        campaign = send.queue(send.import_people_of(Path(folder) / "people.csv", size), 0)
        journals = [Path(folder) / f"journal-{number}.jsonl" for number in range(senders)]
        targets = stack.enter_context(
            sinks.forgetting(tools, senders) if tools else sinks.keeping(journals)
        )
        for sink in targets:
            hand = Hand(urls)
            stack.callback(hand.dismiss)
            hand.hear()
            hand.tell({"do": "pump", "port": sink.port})
        seconds, opened = _live_through(campaign, say)
        [[half, most, worst], sent] = _fetch(WAITED, {})[0]
        left = Outbox.objects.filter(**campaign.source).count()
    return {
        "bench": "mixed",
        "seconds": round(seconds, 1),
        "rate": round((sent + size - left) / seconds),
        "sequence_p99_s": round(most, 2),
        "sequence_median_s": round(half, 2),
        "sequence_worst_s": round(worst, 2),
        "sequence_messages": sent,
        "campaign_left": left,
        "hits": opened,
        "messages": size,
        "senders": senders,
    }


def _live_through(campaign: Campaign, say: Callable[[str], object]) -> tuple[float, int]:
    """Until all messages of the sequence have left: the seconds, and how many hits came in."""
    people = list(Subscriber.objects.order_by("-id").values_list("id", flat=True)[:DUE])
    delivery.mirror(
        workspace=campaign.workspace, kind=SourceKind.SEQUENCE, source_id=1, name="Welcome"
    )
    own = {"kind": SourceKind.SEQUENCE, "source_id": 1}
    began, due, opened, last = time.monotonic(), 0, 0, 0
    while due < DUE or Outbox.objects.filter(**own).exists():
        passed = time.monotonic() - began
        if passed > PATIENCE_SECONDS:
            raise RuntimeError(f"Not sent within {PATIENCE_SECONDS} s.")
        now_due = min(DUE, int(passed * DUE_PER_SECOND))
        _become_due(campaign, people[due:now_due])
        came = _fetch(HITS, {"after": last, "count": int(passed * HITS_PER_SECOND) - opened})
        due, opened = now_due, opened + len(came)
        last = max([last, *(message_id for (message_id,) in came)])
        hits.drain()
        feed.run("rollups")
        time.sleep(TICK_SECONDS)
    seconds = time.monotonic() - began
    sent = SendLedger.objects.filter(**campaign.source).count()
    say(f"{DUE:,} messages of the sequence and {sent:,} of the campaign in {seconds:.0f} s.")
    return seconds, opened


def _become_due(campaign: Campaign, subscriber_ids: Sequence[int]) -> None:
    delivery.queue_each(
        NewMessage(
            workspace_id=campaign.workspace_id,
            kind=SourceKind.SEQUENCE,
            source_id=1,
            step_key="welcome",
            run=1,
            variant="",
            subscriber_id=0,
            list_id=campaign.list_id,
            template_version_id=campaign.template_version_id,  # type: ignore[arg-type] # it is sent
            sender_id=campaign.sender_id,
            priority=Priority.SEQUENCE,
        ),
        to=subscriber_ids,
        now=clock.db_now(),
    )


def _fetch(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
