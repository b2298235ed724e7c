from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from emailseq import dumps
from emailseq.lib import clock


class Command(BaseCommand):
    help = "Write the whole database to one file, for `restore`. Everything goes on meanwhile."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", type=Path, help="a new file; emailseq-TIME.dump here unless told"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["file"] or Path(f"emailseq-{clock.now():%Y%m%d-%H%M%S}.dump")
        try:
            size = dumps.write(file)
        except dumps.DumpError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"file": str(file), "bytes": size}))
            return
        self.stdout.write(f"{file}: {size / 1e6:,.1f} MB.")
        self.stdout.write(
            "Keep LINK_KEYS and FIELD_KEYS with it, in another place: without them links in sent "
            "messages end, and stored secrets cannot be read."
        )
