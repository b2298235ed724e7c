from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from delivery.bounces import Report, read


class Command(BaseCommand):
    help = (
        "Say what bounces, complaints and automatic answers mean, one row for each recipient. "
        "Nothing is stored, and nobody is suppressed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a mail as it came")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--tsv", action="store_true", help="tabs between, no header")
        form.add_argument("--json", action="store_true", help="one JSON object for each file")

    def handle(self, *args: Any, **options: Any) -> None:
        for file in options["files"]:
            try:
                mail = read(file.read_bytes())
            except OSError as error:
                raise CommandError(f"{file}: {error.strerror}") from error
            if options["json"]:
                self.stdout.write(json.dumps({"file": file.name, **asdict(mail)}))
            elif options["tsv"]:
                for index, report in enumerate(mail.reports, 1):
                    self.stdout.write("\t".join(_cells(file.name, index, report)))
            else:
                for line in (f"{file.name}: {mail.kind}", *_lines(mail.reports)):
                    self.stdout.write(line)


def _cells(name: str, index: int, report: Report) -> Iterator[str]:
    for cell in (name, index, report.recipient, report.action, report.status, report.reason):
        yield " ".join(str(cell).split())


def _lines(reports: tuple[Report, ...]) -> Iterator[str]:
    for report in reports:
        said = " ".join(filter(None, (report.status, report.reason)))
        yield f"  {report.recipient or 'somebody'}: {report.action}"
        if said:
            yield f"    {said}"
