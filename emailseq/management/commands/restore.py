from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from emailseq import dumps


class Command(BaseCommand):
    help = "Fill an empty database from a file of `backup`. It sends nothing until released."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="written by `backup`")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tables = dumps.read(options["file"])
        except dumps.DumpError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"file": str(options["file"]), "tables": tables}))
            return
        self.stdout.write(f"{tables} tables are back.")
        self.stdout.write(
            "Nothing is sent from here yet. Run `manage.py migrate`, start web alone, pause or "
            "cancel what has lost its point, then `manage.py release_fence`."
        )
