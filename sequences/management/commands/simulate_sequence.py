from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from sequences import dry_run, scenario
from sequences.management import choosing


class Command(BaseCommand):
    help = "Show what somebody would get from a sequence, and when. Nothing is stored or sent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sequence", metavar="SLUG")
        who = parser.add_mutually_exclusive_group()
        who.add_argument("--as", dest="who", metavar="EMAIL", help="somebody who is known")
        who.add_argument("--profile", type=Path, metavar="FILE", help="somebody invented")
        parser.add_argument("--events", type=Path, metavar="FILE", help="a JSON object per line")
        parser.add_argument("--start", metavar="INSTANT", help="e.g. 2026-03-27T12:00:00Z; now")
        parser.add_argument("--until", metavar="30d", help="how long, or until when")
        parser.add_argument("--live", action="store_true", help="the live version, not the draft")
        parser.add_argument("--workspace", metavar="SLUG", help="when several have it")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        sequence = choosing.the_sequence(options["sequence"], options["workspace"])
        with choosing.told(f"“{sequence}” cannot be simulated"):
            script = dry_run.of_live(sequence) if options["live"] else dry_run.of_draft(sequence)
            told = scenario.read(_told(options), sequence, now=clock.now())
            lines = dry_run.dry_run(sequence, script, told)
        if options["json"]:
            shown = [line.shown for line in lines]
            self.stdout.write(json.dumps({"sequence": sequence.slug, "steps": shown}))
            return
        for line in lines:
            entry = line.entry
            self.stdout.write(f"{line.number:<8} {entry.local:%a %F %H:%M %Z}  {line.words}")


def _told(options: dict[str, Any]) -> dict[str, Any]:
    """The scenario that the options come to, as a document."""
    told: dict[str, Any] = {}
    if options["who"]:
        told["person"] = options["who"]
    if options["profile"]:
        told["person"] = choosing.document(options["profile"])
    if options["events"]:
        told["events"] = list(_events(choosing.read(options["events"])))
    if options["start"]:
        told["start"] = options["start"]
    if options["until"]:
        told["until"] = choosing.duration(options["until"])
    return told


def _events(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines()):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError:
                said = f"Line {number + 1} is no JSON object."
                raise Invalid.field(f"events/{number}", "malformed_json", said) from None
