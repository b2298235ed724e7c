"""How many due runs a second the engine moves on, and whether that depends on how many there are.

Ten sequences; of what is due, a third starts (an email and a wait), a third comes from a wait to a
branch by tag and to an email, and a third comes from the last wait to the last email. Two processes
share the work, in turns in a table of 50,000 runs and in one of `size`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg
from django.db import connection, transaction

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import Workspace
from benchmarks.crew import Hand
from benchmarks.database import copy_of, new_database
from delivery import services as delivery
from sequences.models import Enrollment
from sequences.models import Sequence as Automation
from sequences.services import edit
from sequences.services.publish import publish
from subscribers import services as people
from subscribers.models import List, Tag
from templates_app import services as templates

BENCH = Actor.command("bench")
SEQUENCES, SMALL, DUE, ROUNDS, WORKERS = 10, 50_000, 12_000, 4, 2
EMAIL = {"kind": "email", "template": "hello"}
STEPS = [
    {**EMAIL, "key": "hello"},
    {"kind": "wait", "key": "a-day", "delay": "P1D"},
    {
        "kind": "branch",
        "key": "vip",
        "arms": [
            {
                "key": "vip",
                "when": {"rule": {"tag": "vip", "op": "has"}},
                "steps": [{**EMAIL, "key": "for-vips"}],
            },
            {"key": "else", "steps": [{**EMAIL, "key": "for-others"}]},
        ],
    },
    {"kind": "wait", "key": "a-week", "delay": "P7D"},
    {**EMAIL, "key": "bye"},
]
# One person in five is a VIP.
PEOPLE = """
WITH person AS (
    INSERT INTO subscribers_subscriber (workspace_id, uid, email, address_key, first_name,
                                        last_name, time_zone, fields, created_at, updated_at)
    SELECT %(workspace)s, gen_random_uuid(), n || '@post.example', n || '@post.example', 'Zoë',
           'Sørensen', 'Europe/Berlin', '{"plan": "pro"}', now(), now()
      FROM generate_series(%(first)s, %(last)s) AS n
    RETURNING id
), place AS (
    INSERT INTO subscribers_subscription (list_id, subscriber_id, state, consent_source,
                                          consent_text, created_at)
    SELECT %(list)s, id, 'confirmed', 'bench', '', now() FROM person
)
INSERT INTO subscribers_tagassignment (tag_id, subscriber_id, created_at)
SELECT %(tag)s, id, now() FROM person WHERE id %% 5 = 0
"""
RUNS = """
INSERT INTO sequences_enrollment (workspace_id, uid, sequence_id, version_id, subscriber_id, run,
                                  state, position, awaits, due_at, entered_step_at, started_at,
                                  reason)
SELECT workspace_id, gen_random_uuid(), %(sequence)s, %(version)s, id, 1, 'active', 'a-week', '',
       now() + interval '1 day' + random() * interval '30 days', now(), now(), ''
  FROM subscribers_subscriber
 WHERE id > %(after)s
"""
FALL_DUE = """
UPDATE sequences_enrollment
   SET position = (ARRAY['', 'a-day', 'a-week'])[1 + id %% 3],
       due_at = now() - interval '1 minute' + random() * interval '1 minute',
       entered_step_at = now() - interval '30 days', started_at = now() - interval '30 days'
 WHERE id IN (SELECT id FROM sequences_enrollment
               WHERE sequence_id = %(sequence)s AND state = 'active' AND due_at > now()
                 AND started_at > now() - interval '10 days'
               ORDER BY due_at
               LIMIT %(limit)s)
"""


class Turn(NamedTuple):
    """One turn of the workers."""

    rate: float
    cpu_us: float  # per run, of the workers
    rss_mb: float


class Table:
    """A database of so many runs, and the workers that move them on."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._hands = [Hand(urls) for _ in range(WORKERS)]
        self._connection = psycopg.connect(urls["DATABASE_URL"], autocommit=True)
        for hand in self._hands:
            hand.hear()

    def take_turn(self, sequence_ids: Sequence[int]) -> Turn:
        """Let DUE runs fall due, and have them moved on."""
        for pk in sequence_ids:
            self._connection.execute(FALL_DUE, {"sequence": pk, "limit": DUE // SEQUENCES})
        began = time.monotonic()
        for hand in self._hands:
            hand.tell({"do": "advance"})
        answers = [hand.hear() for hand in self._hands]
        seconds = time.monotonic() - began
        if self.count("state = 'failed' OR state = 'active' AND due_at <= now()"):
            raise RuntimeError("Some runs have failed, or are still due.")
        return Turn(
            rate=DUE / seconds,
            cpu_us=sum(answer["cpu"] for answer in answers) / DUE * 1e6,
            rss_mb=max(answer["rss_mb"] for answer in answers),
        )

    def count(self, which: LiteralString) -> int:
        rows = self._connection.execute(f"SELECT count(*) FROM sequences_enrollment WHERE {which}")
        return int((rows.fetchone() or (0,))[0])

    def close(self) -> None:
        self._connection.close()
        for hand in self._hands:
            hand.process.terminate()
            hand.process.communicate()


def run(*, size: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Move on DUE runs, ROUNDS times in each table; what was measured. `say` hears of progress."""
    began = time.monotonic()
    with new_database() as urls:
        workspace, sequences = world()
        say(f"Making {SMALL:,} runs …")
        _grow(workspace, sequences, SMALL)
        with copy_of(urls) as small_urls:
            say(f"Making {size:,} runs …")
            _grow(workspace, sequences, size)
            tables = [Table(small_urls), Table(urls)]
            try:
                turns = _turns(tables, [each.pk for each in sequences], say)
                runs = tables[1].count("true")
            finally:
                for table in tables:
                    table.close()
    return _measured(*turns) | {"seconds": round(time.monotonic() - began, 1), "runs": runs}


def _turns(
    tables: Sequence[Table], sequence_ids: Sequence[int], say: Callable[[str], object]
) -> tuple[list[Turn], list[Turn]]:
    """The turns of the small table and of the large one, one after the other."""
    small, large = list[Turn](), list[Turn]()
    for _ in range(ROUNDS):
        small.append(tables[0].take_turn(sequence_ids))
        large.append(tables[1].take_turn(sequence_ids))
        say(f"{small[-1].rate:,.0f} and {large[-1].rate:,.0f} runs/s")
    return small, large


def _measured(small: Sequence[Turn], large: Sequence[Turn]) -> dict[str, Any]:
    rates = [statistics.median(turn.rate for turn in turns) for turns in (small, large)]
    # Of neighbouring turns, so that a slow minute of the machine weighs on both.
    ratios = [one.rate / other.rate for one, other in zip(large, small, strict=True)]
    return {
        "bench": "advance",
        "rate": round(rates[1]),
        "rate_small": round(rates[0]),
        "rate_large": round(rates[1]),
        "flatness": round(statistics.median(ratios), 2),
        "rates": [[round(turn.rate) for turn in turns] for turns in (small, large)],
        "cpu_us_per_run": round(statistics.median(turn.cpu_us for turn in large)),
        "rss_mb": round(max(turn.rss_mb for turn in (*small, *large))),
        "workers": WORKERS,
    }


def world() -> tuple[Workspace, list[Automation]]:
    workspace = accounts.create_workspace(
        name="Harbour", slug="harbour", postal_address="1 Quay Street, Copenhagen", by=BENCH
    )
    to = people.create_list(workspace, name="Harbour news", slug="news", by=BENCH)
    people.create_tag(workspace, name="VIP", slug="vip", by=BENCH)
    delivery.create_sender(workspace, name="Harbour", email="news@harbour.example", by=BENCH)
    html = "<p>Hello. {{ links.unsubscribe }} {{ workspace.postal_address }}</p>"
    templates.create_template(
        workspace, name="Hello", slug="hello", subject="Hello", html=html, by=BENCH
    )
    made = []
    for number in range(SEQUENCES):
        slug = f"sequence-{number}"
        sequence = edit.create_sequence(workspace, name=slug, slug=slug, list=to, by=BENCH)
        edit.put_draft(sequence, document={"steps": STEPS}, by=BENCH)
        publish(sequence, by=BENCH)
        made.append(sequence)
    return workspace, made


def _grow(workspace: Workspace, sequences: Sequence[Automation], size: int) -> None:
    """Make people, and runs of each of them in all sequences, until there are `size` runs."""
    known = Enrollment.objects.count() // SEQUENCES
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no keys to check
        cursor.execute("SELECT coalesce(max(id), 0) FROM subscribers_subscriber")
        after = cursor.fetchone()[0]
        of_people = {
            "workspace": workspace.pk,
            "list": List.objects.get().pk,
            "tag": Tag.objects.get().pk,
            "first": known,
            "last": size // SEQUENCES - 1,
        }
        cursor.execute(PEOPLE, of_people)
        for sequence in sequences:
            which = {"sequence": sequence.pk, "version": sequence.live_version_id, "after": after}
            cursor.execute(RUNS, which)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
