from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from delivery.services import personal
from subscribers.management import chosen


class Command(BaseCommand):
    help = "Write everything that is stored of a person to a zip of JSON files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subscriber", metavar="ADDRESS", help="or the id, sub_…")
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")

    def handle(self, *args: Any, **options: Any) -> None:
        person = chosen.person_of(chosen.workspace(options["workspace"]), options["subscriber"])
        path: Path = options["file"]
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(personal.export(person, by=Actor.command("export_subscriber")))
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}") from error
        self.stdout.write(f"All that is stored of {person.email} is in {path}.")
