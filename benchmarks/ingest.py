"""How many opens and clicks a second become verdicts, events, first hits and numbers.

Two hits on each message of a campaign, as they come from mail programs, image proxies, relays that
fetch ahead and gateways. One process judges them into the log while another one counts them. The
baseline writes as many rows of the same content into a table without an index, by `unnest`.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Sum

from accounts import services as accounts
from accounts.audit import Actor
from analytics.models import Rollup
from benchmarks.crew import Hand
from benchmarks.database import new_database
from delivery import kinds
from delivery.hits import BATCH
from delivery.models import Hit
from emailseq.lib import clock
from subscribers import events
from subscribers.events import NewEvent
from templates_app import services as templates

BENCH = Actor.command("bench")
HTML = "".join(f'<a href="https://harbour.example/{number}">x</a>' for number in range(20))
HTML += "<p>{{ links.unsubscribe }}</p>"
# Sent over a day, an hour ago; the ids go on from round to round.
MESSAGES = """
INSERT INTO delivery_ledger (id, workspace_id, kind, source_id, step_key, run, variant,
                             subscriber_id, template_version_id, sender_id, queued_at, attempts,
                             finished_at, outcome, reason, reply)
SELECT id, %(workspace)s, 'campaign', 1, '', 0, '', id, %(version)s, 1, sent_at, 1, sent_at, 'sent',
       '', '250 OK'
  FROM generate_series(%(first)s, %(last)s) AS id,
       LATERAL (SELECT now() - interval '1 hour' - id %% 86400 * interval '1 second' AS sent_at)
"""
# In the order in which they come: all over the messages.
HITS = """
INSERT INTO delivery_hit (message_id, kind, link, at, user_agent, network)
SELECT message.id, CASE WHEN click THEN 'click' ELSE 'open' END,
       CASE WHEN click THEN message.id %% 20 ELSE 0 END,
       message.finished_at + message.id %% 2000 * interval '1 second', agent,
       '198.' || message.id %% 50 || '.100.0/24'
  FROM delivery_ledger AS message
 CROSS JOIN (VALUES (false), (true)) AS hit (click)
 CROSS JOIN LATERAL (SELECT (%(agents)s::text[])[1 + (message.id * 7 + click::int) %% %(kinds)s])
    AS who (agent)
 WHERE message.id BETWEEN %(first)s AND %(last)s
 ORDER BY message.id * 7919 %% 1000003
"""
AGENTS = [
    *(
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{major}.0.0.0"
        for major in range(60, 124)
    ),
    *["Mozilla/5.0"] * 40,
    *["Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"]
    * 20,
    *["Barracuda Sentinel (EE)"] * 4,
]
BARE = "CREATE TABLE bare AS SELECT * FROM subscribers_event LIMIT 0"


def run(*, size: int, rounds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Ingest `size` hits in `rounds`, in turns with the baseline; what was measured."""
    with new_database() as urls:
        facts = _world()
        each = size // rounds // 2
        ours, bare, cpu, rss = [], [], [], 0.0
        hands = {name: Hand(urls) for name in ("drain", "count")}
        for hand in hands.values():
            hand.hear()
        for number in range(rounds):
            _arrive({**facts, "first": 1 + number * each, "last": (number + 1) * each})
            rate, took, rss = _ingest(hands, 2 * each)
            ours.append(rate)
            cpu.append(took)
            bare.append(_bare(2 * each))
            say(f"{ours[-1]:,.0f} hits/s, bare {bare[-1]:,.0f}")
        counted = Rollup.objects.aggregate(Sum("count"))["count__sum"]
        for hand in hands.values():
            hand.process.terminate()
            hand.process.communicate()
        return {
            "bench": "ingest",
            "seconds": round(sum(2 * each / one for one in ours), 1),
            "rate": round(statistics.median(ours)),
            "rss_mb": round(rss),
            "baseline": {
                "name": "a bare insert of as many rows by unnest",
                "rate": round(statistics.median(bare)),
            },
            "ratio_baseline": round(
                statistics.median(one / other for one, other in zip(ours, bare, strict=True)), 2
            ),
            "rates": [list(map(round, ours)), list(map(round, bare))],
            "cpu_us_per_hit": round(statistics.median(cpu)),
            "lost": 2 * each * rounds - counted,
            "hits": 2 * each * rounds,
        }


def _world() -> dict[str, int]:
    workspace = accounts.create_workspace(name="Harbour", slug="harbour", by=BENCH)
    template = templates.create_template(
        workspace, name="News", slug="news", subject="News", html=HTML, by=BENCH
    )
    version = templates.publish(template, by=BENCH)
    with connection.cursor() as cursor:
        cursor.execute(BARE)
    return {"workspace": workspace.pk, "version": version.pk}


def _arrive(place: Mapping[str, int]) -> None:
    """Messages have left, and hits on them have been written down."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(MESSAGES, place)
        cursor.execute(HITS, {**place, "agents": AGENTS, "kinds": len(AGENTS)})
        cursor.execute("VACUUM ANALYZE delivery_hit, delivery_ledger, subscribers_event")
        cursor.execute("CHECKPOINT")


def _ingest(hands: Mapping[str, Hand], count: int) -> tuple[float, float, float]:
    """The rate, the CPU per hit of both processes and of PostgreSQL for them in µs, and the memory
    of the larger one."""
    began, served = time.monotonic(), _served()
    for do, hand in hands.items():
        hand.tell({"do": do, "count": count})
    answers = [hand.hear() for hand in hands.values()]
    seconds = time.monotonic() - began
    if Hit.objects.exists():
        raise RuntimeError("Some hits are still there.")
    cpu = (_served() - served + sum(answer["cpu"] for answer in answers)) / count * 1e6
    return count / seconds, cpu, max(answer["rss_mb"] for answer in answers)


def _served() -> float:
    """How many seconds of CPU the server's processes have taken for this database, ours apart."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        stats = [Path(f"/proc/{pid}/stat") for (pid,) in cursor.fetchall()]
    ticks = (map(int, stat.read_text().rpartition(")")[2].split()[11:13]) for stat in stats)
    return sum(map(sum, ticks)) / os.sysconf("SC_CLK_TCK")


def _bare(count: int) -> float:
    """Rows of the same content, ready-made, in batches of the same size."""
    insert = events.STATEMENT.replace("subscribers_event", "bare")
    batches = [*_ready_made(count)]
    began = time.monotonic()
    with connection.cursor() as cursor:
        for arrays in batches:
            cursor.execute(insert, arrays)
    seconds = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bare")
    return count / seconds


def _ready_made(count: int) -> Iterator[dict[str, Any]]:
    now = clock.now()
    fact = NewEvent(
        1, 1, kinds.MESSAGE_CLICKED, now, "campaign", 1, "", "", 1, "human", {"link": 1}
    )
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        yield events.parameters([fact._replace(subscriber_id=start + one) for one in range(size)])
