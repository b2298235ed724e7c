"""How many due runs a second the engine moves on, and whether that depends on how many there are.

Ten sequences; of what is due, a third starts (an email and a wait), a third comes from a wait to a
branch by tag and to an email, and a third comes from the last wait to the last email. Two processes
share the work. First in a table of 50,000 runs, then in one of `size`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import Workspace
from benchmarks.crew import Hand
from benchmarks.database import new_database
from delivery import services as delivery
from emailseq.lib import clock
from sequences.models import Enrollment
from sequences.models import Sequence as Automation
from sequences.services import edit
from sequences.services.publish import publish
from subscribers import services as people
from subscribers.models import Event, List, Tag
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


def run(*, size: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Move on DUE runs, ROUNDS times in each table; what was measured. `say` hears of progress."""
    began = time.monotonic()
    with new_database() as urls:
        workspace, sequences = _world()
        hands = [Hand(urls) for _ in range(WORKERS)]
        try:
            for hand in hands:
                hand.hear()
            say(f"Making {SMALL:,} runs …")
            _grow(workspace, sequences, SMALL)
            small = _turns(hands, sequences, say)
            say(f"Making {size:,} runs …")
            _grow(workspace, sequences, size)
            large = _turns(hands, sequences, say)
        finally:
            for hand in hands:
                hand.process.terminate()
                hand.process.communicate()
        return _measured(small, large) | {
            "seconds": round(time.monotonic() - began, 1),
            "runs": Enrollment.objects.count(),
            "failed": Event.objects.filter(kind="enrollment.failed").count(),
        }


def _measured(small: Sequence[Turn], large: Sequence[Turn]) -> dict[str, Any]:
    rates = [statistics.median(turn.rate for turn in turns) for turns in (small, large)]
    return {
        "bench": "advance",
        "rate": round(rates[1]),
        "rate_small": round(rates[0]),
        "rate_large": round(rates[1]),
        "flatness": round(rates[1] / rates[0], 2),
        "rates": [[round(turn.rate) for turn in turns] for turns in (small, large)],
        "cpu_us_per_run": round(statistics.median(turn.cpu_us for turn in large)),
        "rss_mb": round(max(turn.rss_mb for turn in (*small, *large))),
        "workers": WORKERS,
    }


def _world() -> tuple[Workspace, list[Automation]]:
    workspace = accounts.create_workspace(name="Harbour", slug="harbour", by=BENCH)
    to = people.create_list(workspace, name="Harbour news", slug="news", by=BENCH)
    people.create_tag(workspace, name="VIP", slug="vip", by=BENCH)
    delivery.create_sender(workspace, name="Harbour", email="news@harbour.example", by=BENCH)
    html = "<p>Hello. {{ links.unsubscribe }}</p>"
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


def _turns(
    hands: Sequence[Hand], sequences: Sequence[Automation], say: Callable[[str], object]
) -> list[Turn]:
    turns = []
    for _ in range(ROUNDS):
        with connection.cursor() as cursor:
            for sequence in sequences:
                limit = DUE // SEQUENCES
                cursor.execute(FALL_DUE, {"sequence": sequence.pk, "limit": limit})
        turns.append(_take_turn(hands))
        say(f"{turns[-1].rate:,.0f} runs/s")
    return turns


def _take_turn(hands: Sequence[Hand]) -> Turn:
    began = time.monotonic()
    for hand in hands:
        hand.tell({"do": "advance"})
    answers = [hand.hear() for hand in hands]
    seconds = time.monotonic() - began
    if Enrollment.objects.filter(state="active", due_at__lte=clock.db_now()).exists():
        raise RuntimeError("Some runs are still due.")
    return Turn(
        rate=DUE / seconds,
        cpu_us=sum(answer["cpu"] for answer in answers) / DUE * 1e6,
        rss_mb=max(answer["rss_mb"] for answer in answers),
    )
