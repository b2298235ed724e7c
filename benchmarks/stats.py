"""How fast the pages of numbers are, and whether they are as fast when ten times as much happened.

A history of campaigns and sequences is written into the log, a tenth of it first; what consumers
would have counted is made by SQL from the log. The pages are asked for as a browser does, one after
the other, and every number on them is compared with a count over the log.
"""

from __future__ import annotations

import logging
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, LiteralString

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import services as accounts
from analytics import recount
from analytics.numbers import numbers_by_source
from benchmarks import advance
from benchmarks.database import new_database
from campaigns import services as campaigns
from delivery import services as delivery
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from subscribers.models import Cursor, List
from templates_app.models import Template

CAMPAIGNS, TURNS = 40, 60
PER_MESSAGE = 1.9  # events
# By its number says each message what became of it, over ninety days.
HISTORY = """
INSERT INTO subscribers_event (xid, workspace_id, kind, occurred_at, recorded_at, source_kind,
                               source_id, step_key, variant, message_id, verdict, properties, name,
                               late)
SELECT subscribers_log_xid(), %(workspace)s, fact.kind, fact.at, fact.at, source.kind, source.id,
       CASE WHEN source.kind = 'sequence' THEN (ARRAY['hello', 'bye'])[1 + n %% 2] ELSE '' END,
       '', n, fact.verdict, fact.properties::jsonb, '', false
  FROM generate_series(%(first)s, %(last)s) AS n
 CROSS JOIN LATERAL (
       SELECT now() - interval '90 days' + (n %% 7776000) * interval '1 second' AS at) AS moment
  JOIN unnest(%(kinds)s::text[], %(ids)s::bigint[]) WITH ORDINALITY AS source (kind, id, place)
    ON source.place = 1 + n %% cardinality(%(ids)s::bigint[])
 CROSS JOIN LATERAL (VALUES
       ('message.sent', '', '{}', at, true),
       ('message.opened', 'human', '{"first": true}', at + interval '1 hour', n %% 3 = 0),
       ('message.opened', 'human', '{}', at + interval '5 hours', n %% 6 = 0),
       ('message.opened', 'machine', '{}', at, n %% 4 = 1),
       ('message.clicked', 'human', '{"first": true}', at + interval '1 hour', n %% 9 = 0),
       ('message.clicked', 'machine', '{}', at, n %% 40 = 1),
       ('message.unsubscribed', '', '{}', at + interval '2 hours', n %% 400 = 0),
       ('message.bounced', 'hard', '{}', at + interval '1 minute', n %% 200 = 7),
       ('message.complained', '', '{}', at + interval '2 days', n %% 2000 = 9)
  ) AS fact (kind, verdict, properties, at, happened)
 WHERE happened
"""
# What the consumer "shares" would have counted: twelve providers.
SHARES = """
WITH event AS (
    SELECT event.*, (ARRAY['google', 'microsoft', 'yahoo', 'apple', 'gmx', 'orange', 'free', 'wp',
                           'seznam', 'libero', 'bt', 'other'])[1 + message_id % 12] AS provider
      FROM subscribers_event AS event
     WHERE message_id IS NOT NULL
)
INSERT INTO analytics_share (workspace_id, source_kind, source_id, by, value, detail, kind, verdict,
                             day, count, first_count)
SELECT workspace_id, source_kind, source_id, 'provider', provider, '', kind, verdict, NULL,
       count(*), count(*) FILTER (WHERE properties ? 'first')
  FROM event GROUP BY 1, 2, 3, 5, 7, 8
 UNION ALL
SELECT workspace_id, '', 0, 'provider', provider, '', kind, verdict,
       (occurred_at AT TIME ZONE 'UTC')::date, count(*),
       count(*) FILTER (WHERE properties ? 'first')
  FROM event GROUP BY 1, 5, 7, 8, 9
"""
COUNT = """
SELECT source_kind, source_id, kind || ' ' || verdict, count(*),
       count(*) FILTER (WHERE properties -> 'first' = 'true')
  FROM subscribers_event
 GROUP BY 1, 2, 3
"""

# The numbers that are compared: what each counts, and whether only the first of a message.
COUNTED = {
    "sent": ("message.sent", False),
    "opened": ("message.opened human", True),
    "opens": ("message.opened human", False),
    "machine_opened": ("message.opened machine", False),
    "clicked": ("message.clicked human", True),
    "machine_clicked": ("message.clicked machine", False),
    "unsubscribed": ("message.unsubscribed", False),
    "bounced": ("message.bounced hard", False),
    "complained": ("message.complained", False),
}


def run(*, size: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Write a history of `size` events, and ask for the pages of it."""
    began = time.monotonic()
    with new_history() as history:
        for events in (size // 10, size):
            say(f"Writing {events:,} events …")
            history.write(round(events / PER_MESSAGE))
            history.count()
            if events != size:
                small = history.ask()
        large = history.ask()
        wrong = history.wrong()
        pages = {name: _p99(times) for name, times in large.items()}
    p99s = [_p99([each for times in asked.values() for each in times]) for asked in (small, large)]
    return {
        "bench": "stats",
        "seconds": round(time.monotonic() - began, 1),
        "events": history.events,
        "p99_ms": p99s[1],
        "p99_ms_tenth": p99s[0],
        "flatness": round(p99s[0] / p99s[1], 2),
        "pages": pages,
        "wrong_numbers": wrong,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


class History:
    """What was sent in a workspace, and somebody who looks at its numbers."""

    def __init__(self) -> None:
        self.workspace, sequences = advance.world()
        self.campaigns = [self._campaign(number) for number in range(CAMPAIGNS)]
        self.sequences = [each.pk for each in sequences]
        self.written = 0
        self.events = 0
        self._client = Client(headers={"host": settings.ALLOWED_HOSTS[0]})
        owner = accounts.add_member(
            email="owner@harbour.example", workspace=self.workspace, role="Owner", by=advance.BENCH
        )
        self._client.force_login(owner)

    def write(self, messages: int) -> None:
        """Write what became of so many messages in all."""
        sources = [
            *((SourceKind.CAMPAIGN.value, pk) for pk in self.campaigns),
            *((SourceKind.SEQUENCE.value, pk) for pk in self.sequences),
        ]
        named = {
            "workspace": self.workspace.pk,
            "first": self.written + 1,
            "last": messages,
            "kinds": [kind for kind, _ in sources],
            "ids": [pk for _, pk in sources],
        }
        self.events += _execute(HISTORY, named)
        self.written = messages

    def count(self) -> None:
        """Count it, as the consumers would have done."""
        Cursor.objects.update_or_create(name="rollups", defaults={"xid": 2**62})
        recount.rebuild()
        _execute("TRUNCATE analytics_share")
        _execute(SHARES)
        _execute("VACUUM ANALYZE")

    def ask(self) -> dict[str, list[float]]:
        """How many milliseconds each page takes, by its name."""
        times: dict[str, list[float]] = {name: [] for name, _ in self._pages(0)}
        logging.disable(logging.INFO)
        for turn in range(-1, TURNS):
            for name, url in self._pages(turn):
                began = time.perf_counter()
                answer = self._client.get(url)
                took = (time.perf_counter() - began) * 1000
                if answer.status_code != 200:
                    raise RuntimeError(f"{url} answers {answer.status_code}.")
                if turn >= 0:  # the first one fills caches
                    times[name].append(took)
        return times

    def wrong(self) -> int:
        """How many numbers of campaigns and sequences are not what a count over the log says."""
        counts, firsts = Counter[tuple[str, int, str]](), Counter[tuple[str, int, str]]()
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute(COUNT)
            for kind, pk, what, count, first in cursor.fetchall():
                counts[kind, pk, what.strip()] = count
                firsts[kind, pk, what.strip()] = first
        wrong = 0
        for kind, ids in (
            (SourceKind.CAMPAIGN, self.campaigns),
            (SourceKind.SEQUENCE, self.sequences),
        ):
            for pk, found in numbers_by_source(kind, ids).items():
                told = asdict(found)
                for name, (what, is_first) in COUNTED.items():
                    book = firsts if is_first else counts
                    wrong += told[name] != book[kind.value, pk, what]
        return wrong

    def _pages(self, turn: int) -> list[tuple[str, str]]:
        campaign = self.campaigns[turn % CAMPAIGNS]
        sequence = self.sequences[turn % len(self.sequences)]
        return [
            ("campaign", reverse("admin:campaigns_campaign_change", args=[campaign])),
            ("campaign report", reverse("admin:report", args=["campaign", campaign])),
            ("sequence", reverse("admin:sequences_sequence_change", args=[sequence])),
            ("sequence report", reverse("admin:report", args=["sequence", sequence])),
            ("reports", reverse("admin:reports")),
            ("deliverability", reverse("admin:reports", args=["delivery"])),
        ]

    def _campaign(self, number: int) -> int:
        campaign = campaigns.create_campaign(
            self.workspace,
            name=f"News {number}",
            list=List.objects.get(),
            template=Template.objects.get(),
            sender=SenderIdentity.objects.get(),
            by=advance.BENCH,
        )
        delivery.mirror(workspace=self.workspace, name=campaign.name, **campaign.source)
        return campaign.pk


@contextmanager
def new_history() -> Iterator[History]:
    with new_database():
        yield History()


def _execute(query: LiteralString, named: Mapping[str, Any] | None = None) -> int:
    """Run a statement, however long it takes; how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(query, named)
        return int(cursor.rowcount)


def _p99(times: list[float]) -> float:
    return round(sorted(times)[min(len(times) - 1, len(times) * 99 // 100)], 1)
