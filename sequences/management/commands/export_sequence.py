from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sequences import as_code
from sequences.management import choosing


class Command(BaseCommand):
    help = "Print the draft and the settings of a sequence, and all that they need, as YAML."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sequence", metavar="SLUG")
        parser.add_argument("--workspace", metavar="SLUG", help="when several have it")

    def handle(self, *args: Any, **options: Any) -> None:
        sequence = choosing.the_sequence(options["sequence"], options["workspace"])
        self.stdout.write(as_code.export(sequence), ending="")
