from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from accounts.audit import Actor
from accounts.models import Workspace
from accounts.services import create_workspace
from delivery.services import create_sender
from emailseq.lib import ids
from sequences import dry_run, rehearsal
from sequences.management import choosing
from sequences.models import Sequence
from sequences.rehearsal import Verdict
from sequences.services import as_code

BY = Actor.command("test_sequence")


class Command(BaseCommand):
    help = (
        "Run the tests in the files of sequences, on simulated time; nothing is stored or sent. "
        "Exits 0 when all pass, 1 when one fails, 2 when a file cannot be tested."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", type=Path, metavar="FILE", nargs="+")
        parser.add_argument(
            "--workspace", metavar="SLUG", help="with what is there; else in an empty one"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        verdicts = {str(file): _tested(file, options["workspace"]) for file in options["files"]}
        failed = sum(bool(each.faults) for found in verdicts.values() for each in found)
        if options["json"]:
            shown = {file: [_shown(each) for each in found] for file, found in verdicts.items()}
            self.stdout.write(json.dumps({"failed": failed, "files": shown}))
        else:
            for file, found in verdicts.items():
                self._show(file, found)
            self.stdout.write(f"{sum(map(len, verdicts.values()))} tests, {failed} failed")
        sys.exit(1 if failed else 0)

    def _show(self, file: str, verdicts: list[Verdict]) -> None:
        self.stdout.write(file)
        for each in verdicts:
            self.stdout.write(f"  {'✗' if each.faults else '✓'} {each.name}")
            for fault in each.faults:
                self.stdout.write(f"      {fault}")
            for line in each.lines if each.faults else ():
                self.stdout.write(f"      · {line.entry.local:%a %F %H:%M %Z}  {line.words}")


def _tested(file: Path, workspace_slug: str | None) -> list[Verdict]:
    document = choosing.document(file)
    with choosing.told(str(file)), _workspace(workspace_slug) as workspace:
        applied = as_code.apply(workspace, document=document, by=BY)
        sequence = Sequence.objects.of(workspace).get(slug=applied.slug)
        tests = rehearsal.read(document.get("tests"), sequence)
        return rehearsal.run(sequence, dry_run.of_draft(sequence), tests)


@contextmanager
def _workspace(slug: str | None) -> Iterator[Workspace]:
    """A workspace in which whatever is done is undone in the end; without a slug, an empty one."""
    with transaction.atomic():
        yield choosing.the_workspace(slug) if slug else _empty_workspace()
        transaction.set_rollback(True)


def _empty_workspace() -> Workspace:
    slug = f"test-{ids.new().hex}"
    address = "1 Test Street, Testville"
    workspace = create_workspace(name="Test", slug=slug, postal_address=address, by=BY)
    create_sender(workspace, name="Test", email="test@example.com", by=BY)
    return workspace


def _shown(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "passed": not verdict.faults,
        "faults": verdict.faults,
        "steps": [line.shown for line in verdict.lines],
    }
