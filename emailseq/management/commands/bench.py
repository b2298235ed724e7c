from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import django
import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from benchmarks import (
    advance,
    fill,
    imports,
    ingest,
    mixed,
    render,
    segments,
    send,
    stats,
    tracking,
)


class Bench(NamedTuple):
    """What is measured, at which size by default, and the options that shape it."""

    run: Callable[..., dict[str, Any]]
    size: int
    options: tuple[str, ...] = ()


BENCHES = {
    "send": Bench(send.run, 20_000, ("rounds", "senders", "dkim", "postfix", "peers")),
    "advance": Bench(advance.run, 5_000_000),
    "fill": Bench(fill.run, 1_000_000, ("rounds",)),
    "import": Bench(imports.run, 1_000_000),
    "ingest": Bench(ingest.run, 200_000, ("rounds",)),
    "mixed": Bench(mixed.run, 100_000, ("senders", "postfix")),
    "render": Bench(render.run, 40_000, ("rounds",)),
    "segments": Bench(segments.run, 1_000_000),
    "stats": Bench(stats.run, 10_000_000),
    "tracking": Bench(tracking.run, 24_000, ("rounds",)),
}


class Command(BaseCommand):
    help = "Measure, in a database made for it, and print what was measured."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=BENCHES)
        parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
        parser.add_argument("--size", type=int, help="messages, people or runs in all")
        parser.add_argument("--rounds", type=int, default=4, help="campaigns they are sent in")
        parser.add_argument("--senders", type=int, default=2, help="processes that send")
        parser.add_argument("--dkim", choices=send.SIGNED_BY, help="have each message signed")
        parser.add_argument(
            "--peers", action="store_true", help="beside django-post_office and django-mailer"
        )
        parser.add_argument(
            "--postfix", type=Path, help="where smtp-sink and smtp-source are unpacked"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        bench = BENCHES[options["name"]]
        shape = {name: options[name] for name in bench.options}
        measured = bench.run(size=options["size"] or bench.size, say=self._say, **shape)
        for name, value in (_machine() | measured).items():
            self.stdout.write(f"{name:>20}  {value}")
        if measured.get("sink_bound"):
            self.stdout.write("sink-bound: a sink had no core left, so the ratio claims nothing.")
        if options["json"]:
            self.stdout.write(json.dumps(measured))

    def _say(self, line: str) -> None:
        self.stderr.write(line)


def _machine() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0]
    return {
        "hardware": f"{_processor()}, {os.cpu_count()} cores",
        "system": platform.platform(),
        "versions": f"Python {platform.python_version()}, Django {django.__version__}, "
        f"psycopg {psycopg.__version__}, PostgreSQL {postgres}",
        "commit": _commit(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    argv = ["git", "-C", str(settings.BASE_DIR), "describe", "--always", "--dirty"]
    try:
        return subprocess.check_output(argv, text=True, stderr=subprocess.DEVNULL).strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
