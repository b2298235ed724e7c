from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from emailseq.lib.errors import AppError
from subscribers.imports.chunks import Policy
from subscribers.imports.dry_run import Preview, preview
from subscribers.imports.mapping import columns_of
from subscribers.imports.read import Layout, examine
from subscribers.imports.run import COUNTS, import_people
from subscribers.management import chosen
from subscribers.models import CustomField, Import
from subscribers.services import Consent


class Command(BaseCommand):
    help = (
        "Bring the people of a CSV file into a list. Run it again after an interruption: it goes "
        "on where it stopped. Nobody who left is brought back, no suppressed address is mailed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--list", required=True, metavar="SLUG", help="where they go")
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")
        parser.add_argument("--confirmed", action="store_true", help="they have said yes already")
        parser.add_argument(
            "--consent-source", default="", metavar="TEXT", help="where they said so"
        )
        parser.add_argument("--encoding", help="of the file, e.g. cp1252; UTF-8 is assumed")
        parser.add_argument(
            "--existing",
            choices=Policy.values,
            default=Policy.OVERWRITE,
            help="what a row may change of people who are there",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="where refused rows go")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        file: Path = options["file"]
        errors = options["errors"] or file.with_name(f"{file.name}.errors.csv")
        source = options["consent_source"].strip()
        try:
            to = chosen.list_of(chosen.workspace(options["workspace"]), options["list"])
            layout = examine(file, encoding=options["encoding"])
            if options["dry_run"]:
                self._preview(
                    preview(layout, to=to, error_path=errors, policy=options["existing"]),
                    as_json=options["json"],
                )
                return
            job = import_people(
                layout,
                to=to,
                by=Actor.command("import_subscribers"),
                error_path=errors,
                consent=Consent(source) if source else None,
                confirmed=options["confirmed"],
                policy=options["existing"],
                progress=self._progress,
            )
        except AppError as error:
            raise CommandError(error.detail) from error
        summary = _summary(layout, job, errors) | {"seconds": round(time.monotonic() - started, 2)}
        if options["json"]:
            self.stdout.write(json.dumps(summary))
        else:
            self._show(summary)

    def _preview(self, would: Preview, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(asdict(would)))
            return
        self.stdout.write(
            f"Would be: {would.created:,} new, {would.updated:,} changed, {would.unchanged:,} "
            f"unchanged; {would.refused:,} rows refused, {would.duplicates:,} name somebody again."
        )
        self.stdout.write(
            f"Of these people {would.suppressed:,} are suppressed and {would.unsubscribed:,} have "
            f"left the list: they stay so. {would.erased:,} were erased, and would be left out. "
            "Nothing was stored."
        )
        if would.hints:
            odd = ", ".join(f"{number:,} {code}" for code, number in would.hints.items())
            self.stdout.write(f"Odd addresses, which would come in: {odd}.")

    def _progress(self, job: Import) -> None:
        if job.line_count:
            self.stderr.write(f"{job.file_name}: {job.line_count:,} lines done")

    def _show(self, summary: dict[str, Any]) -> None:
        assumed = " (assumed; --encoding says otherwise)" if summary["assumed"] else ""
        self.stdout.write(f"Read as {summary['encoding']}{assumed}, {summary['delimiter']} between")
        for name, key in summary["kept"].items():
            self.stdout.write(f"Column “{name}” is no declared field: kept as text in “{key}”.")
        if summary["left_out"]:
            self.stdout.write(f"{summary['left_out']} columns without a name were left out.")
        self.stdout.write(
            f"{summary['created']:,} new, {summary['updated']:,} changed, "
            f"{summary['unchanged']:,} unchanged, {summary['refused']:,} refused "
            f"in {summary['seconds']} s"
        )
        if summary["erased"]:
            self.stdout.write(f"{summary['erased']:,} were erased before, and are left out.")
        if summary["errors"]:
            self.stdout.write(f"Refused rows, with the reason of each: {summary['errors']}")
        if not (summary["created"] or summary["updated"]):
            self.stdout.write("Nothing changed: nobody in this file was new or different.")


def _summary(layout: Layout, job: Import, errors: Path) -> dict[str, Any]:
    columns = columns_of(layout.header, declared=CustomField.objects.of(job.workspace))
    return {
        "id": job.public_id,
        "encoding": layout.encoding,
        "assumed": layout.assumed,
        "delimiter": repr(layout.delimiter),
        "kept": {column.name: column.key for column in columns if not column.declared},
        "left_out": sum(not column.key for column in columns),
        **{name: getattr(job, f"{name}_count") for name in COUNTS},
        "erased": job.erased_count,
        "errors": str(errors) if job.refused_count else None,
    }
