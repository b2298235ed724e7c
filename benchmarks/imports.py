"""How fast a file of people comes in, beside a bare COPY and upsert of the same file.

Twelve columns a row: an address, two names, a time zone and eight custom fields of four kinds; one
row in a hundred names somebody again, one in a thousand is none. The import is the command, killed
with SIGKILL at half and started again; its seconds are those of both processes, and of whatever
was done twice. Bare is what PostgreSQL takes to COPY the file into an unlogged table and to upsert
it from there into a table like that of the subscribers: without checks, places and events.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import Workspace
from benchmarks.database import new_database
from subscribers import kinds
from subscribers import services as people
from subscribers.models import Event, Import, Subscriber, Subscription
from subscribers.states import FieldKind

BENCH = Actor.command("bench")
FIELDS = {
    "plan": FieldKind.TEXT,
    "seats": FieldKind.NUMBER,
    "renewal": FieldKind.DATE,
    "member": FieldKind.BOOLEAN,
    "town": FieldKind.TEXT,
    "company": FieldKind.TEXT,
    "score": FieldKind.NUMBER,
    "note": FieldKind.TEXT,
}
HEADER = ",".join(("email", "first_name", "last_name", "time_zone", *FIELDS))


def run(*, size: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Import `size` rows, killed at half, then the bare way; `say` hears of progress."""
    with new_database() as urls, tempfile.TemporaryDirectory() as folder:
        workspace = _make_workspace()
        file = Path(folder) / "people.csv"
        say(f"Writing {size:,} rows …")
        _write(file, size)
        connection.close()
        say("Importing; killed at half …")
        seconds, rss = _import_killed_at_half(file, urls, size)
        say("Bare COPY and upsert …")
        bare = _bare(file, workspace)
        rate, bare_rate = size / seconds, size / bare
        return {
            "bench": "import",
            "seconds": round(seconds, 1),
            "rate": round(rate),
            "ratio_baseline": round(rate / bare_rate, 2),
            "baseline": f"COPY and upsert, {bare_rate:,.0f} rows/s",
            "rows": size,
            **_verdict(size),
            "rss_mb": rss,
        }


def _make_workspace() -> Workspace:
    workspace = accounts.create_workspace(
        name="Harbour", slug="harbour", postal_address="1 Quay Street, Copenhagen", by=BENCH
    )
    people.create_list(workspace, name="news", slug="news", by=BENCH)
    for key, kind in FIELDS.items():
        people.create_field(workspace, key=key, label=key, kind=kind, by=BENCH)
    return workspace


def _person(number: int) -> str:
    return (
        f"person-{number}@example.com,Ada,Lovelace {number % 997},Europe/Oslo,"
        f"plan {number % 5},{number % 97},2027-0{1 + number % 9}-1{number % 10},"
        f"{'yes' if number % 3 else 'no'},Port {number % 50},Company {number % 5000},"
        f"{number % 89}.5,as they said"
    )


def _write(file: Path, size: int) -> None:
    with file.open("w") as out:
        out.write(HEADER + "\n")
        for n in range(size):
            row = f"nobody {n}" + "," * 11 if _is_bad(n) else _person(n - 50 * _is_again(n))
            out.write(row + "\n")


def _is_bad(number: int) -> bool:
    return number % 1000 == 501


def _is_again(number: int) -> bool:
    return number % 100 == 99


def _import_killed_at_half(file: Path, urls: dict[str, str], size: int) -> tuple[float, int]:
    """The seconds of both processes, and the MB of the larger one."""
    started = time.perf_counter()
    first = _start(file, urls)
    while _lines_done() < size // 2:
        if first.poll() is not None:
            raise RuntimeError("The import ended before it could be killed.")
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    killed = os.wait4(first.pid, 0)[2]
    _, status, resumed = os.wait4(_start(file, urls).pid, 0)
    if status:
        raise RuntimeError("The import that went on has failed.")
    seconds = time.perf_counter() - started
    return seconds, max(killed.ru_maxrss, resumed.ru_maxrss) // 1024


def _start(file: Path, urls: dict[str, str]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "manage.py", "import_subscribers", str(file), "--list", "news"]
    return subprocess.Popen(
        [*argv, "--confirmed", "--consent-source", "paper form"],
        cwd=settings.BASE_DIR,
        env=os.environ | urls,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _lines_done() -> int:
    return max(Import.objects.values_list("line_count", flat=True), default=0)


def _verdict(size: int) -> dict[str, int]:
    """Who is missing, and who or what is there twice, of people, places and events."""
    wanted = sum(not _is_bad(n) and not _is_again(n) for n in range(size))
    log = Event.objects.filter(subscriber__isnull=False)
    found = [
        Subscriber.objects.count(),
        Subscription.objects.count(),
        log.filter(kind=kinds.SUBSCRIBER_CREATED).count(),
        log.filter(kind=kinds.SUBSCRIPTION_CONFIRMED).count(),
    ]
    return {
        "people": found[0],
        "refused": Import.objects.get().refused_count,
        "lost": sum(max(wanted - count, 0) for count in found),
        "doubled": sum(max(count - wanted, 0) for count in found),
    }


def _bare(file: Path, workspace: Workspace) -> float:
    """The seconds of a COPY and an upsert, with what the upsert makes of an empty table."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(STAGE)
        started = time.perf_counter()
        taken = "COPY bare_stage FROM STDIN (FORMAT csv, HEADER)"
        with file.open("rb") as source, cursor.copy(taken) as copy:
            while block := source.read(1 << 18):
                copy.write(block)
        cursor.execute(UPSERT, {"workspace": workspace.pk})
        return time.perf_counter() - started


STAGE = """
CREATE UNLOGGED TABLE bare_stage (
    email text, first_name text, last_name text, time_zone text, plan text, seats text,
    renewal text, member text, town text, company text, score text, note text
);
CREATE TABLE bare_subscriber (LIKE subscribers_subscriber INCLUDING ALL)
"""
UPSERT = """
INSERT INTO bare_subscriber
       (workspace_id, uid, email, address_key, first_name, last_name, time_zone, fields,
        created_at, updated_at)
SELECT DISTINCT ON (lower(email))
       %(workspace)s, gen_random_uuid(), email, lower(email), first_name, last_name, time_zone,
       jsonb_build_object('plan', plan, 'seats', seats, 'renewal', renewal, 'member', member,
                          'town', town, 'company', company, 'score', score, 'note', note),
       now(), now()
  FROM bare_stage
 WHERE first_name <> ''
 ORDER BY lower(email)
    ON CONFLICT (workspace_id, address_key) DO UPDATE
   SET first_name = excluded.first_name,
       last_name = excluded.last_name,
       time_zone = excluded.time_zone,
       fields = bare_subscriber.fields || excluded.fields,
       updated_at = excluded.updated_at
"""
