from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from emailseq.lib.errors import AppError
from subscribers.imports.read import examine
from subscribers.imports.suppressions import suppress_file
from subscribers.management import chosen
from subscribers.states import SuppressionReason


class Command(BaseCommand):
    help = "Never send to the addresses of a CSV file, such as who left or bounced elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--reason", required=True, choices=SuppressionReason.values, help="why they are not"
        )
        parser.add_argument("--note", default="", metavar="TEXT", help="kept with each of them")
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")
        parser.add_argument("--encoding", help="of the file, e.g. cp1252; UTF-8 is assumed")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="where refused rows go")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        errors = options["errors"] or file.with_name(f"{file.name}.errors.csv")
        workspace = chosen.workspace(options["workspace"])
        try:
            counts = suppress_file(
                examine(file, encoding=options["encoding"]),
                workspace=workspace,
                reason=options["reason"],
                note=options["note"],
                by=Actor.command("suppress_addresses"),
                error_path=errors,
            )
        except AppError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(
            f"{counts.added:,} suppressed, {counts.raised:,} now for a stronger reason, "
            f"{counts.known:,} as before, {counts.refused:,} refused"
        )
        if counts.refused:
            self.stdout.write(f"Refused rows, with the reason of each: {errors}")
