from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from accounts.audit import Actor
from subscribers.exports import suppression_rows
from subscribers.management import chosen
from subscribers.models import Suppression


class Command(BaseCommand):
    help = "Write whom nothing is sent to, and why, to a CSV file that `suppress_addresses` takes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")

    def handle(self, *args: Any, **options: Any) -> None:
        path, workspace = options["file"], chosen.workspace(options["workspace"])
        found = Suppression.objects.of(workspace)
        try:
            path.touch(mode=0o600)
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(suppression_rows(found))
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}") from error
        by = Actor.command("export_suppressions")
        audit.record(workspace, "suppressions.exported", by=by, on=workspace)
        self.stdout.write(f"{found.count():,} suppressions in {path}")
