from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from delivery import services
from delivery.models import Outbox, OutboxQuerySet


class Command(BaseCommand):
    help = "List messages that may or may not have left, and decide what becomes of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["list", "resend", "mark-sent"])
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="as `list` shows them")
        parser.add_argument("--all", action="store_true", help="all of them")
        parser.add_argument("--dry-run", action="store_true", help="say how many, and do nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Outbox.objects.in_doubt().select_related("subscriber").order_by("pk")
        if options["verb"] == "list":
            self._list(rows, as_json=options["json"])
            return
        if bool(options["ids"]) == options["all"]:
            raise CommandError("Name the ids, or say --all.")
        chosen = list(rows if options["all"] else rows.filter(pk__in=options["ids"]))
        if not options["dry_run"]:
            as_sent, by = options["verb"] == "mark-sent", Actor.command("in_doubt")
            chosen = [
                row for row in chosen if services.resolve_in_doubt(row, as_sent=as_sent, by=by)
            ]
        done = "counted as sent" if options["verb"] == "mark-sent" else "due again"
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            json.dumps({"resolved": len(chosen)})
            if options["json"]
            else f"{len(chosen)} {would}{done}."
        )

    def _list(self, rows: OutboxQuerySet, *, as_json: bool) -> None:
        found = [
            {
                "id": row.pk,
                "email": row.subscriber.email,
                "source": f"{row.kind} {row.source_id} {row.step_key}".strip(),
                "wire_at": row.wire_at and row.wire_at.isoformat(),
                "doubt_at": row.doubt_at and row.doubt_at.isoformat(),
            }
            for row in rows
        ]
        if as_json:
            self.stdout.write(json.dumps({"messages": found}))
            return
        for row in found:
            self.stdout.write("  ".join(str(value) for value in row.values()))
        self.stdout.write(f"{len(found)} in doubt.")
