from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.audit import Actor
from sequences.management import choosing
from sequences.services import as_code


class Command(BaseCommand):
    help = (
        "Show what `apply` would change, and change nothing. "
        "Exits 0 when that is nothing, 3 when it is something."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        workspace, document = choosing.the_workspace(options["workspace"]), choosing.document(file)
        with choosing.told(str(file)):
            planned = as_code.plan(workspace, document=document, by=Actor.command("plan"))
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(planned), "changed": planned.changed}))
        else:
            self.stdout.write(planned.diff or f"“{planned.slug}” is as the file says.")
            for problem in planned.problems:
                self.stdout.write(f"Not ready to publish: {problem.detail}")
        sys.exit(3 if planned.changed else 0)
