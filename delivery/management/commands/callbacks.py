from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from delivery import callbacks
from delivery.models import Callback


class Command(BaseCommand):
    help = (
        "Say what has come in about messages of late, newest first, and what became of it; or have "
        "what was kept aside read once more."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parked", action="store_true", help="only what could not be read")
        parser.add_argument("--limit", type=int, default=20, help="how many; 20 by default")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parser.add_argument(
            "--retry", action="store_true", help="read what was kept aside once more"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["retry"]:
            self.stdout.write(f"Read once more: {callbacks.retry()}")
            return
        rows = Callback.objects.parked() if options["parked"] else Callback.objects.all()
        shown = [_told(row) for row in rows.defer("body").order_by("-id")[: options["limit"]]]
        if options["json"]:
            self.stdout.write(json.dumps({"callbacks": shown}))
            return
        for each in shown:
            self.stdout.write("  ".join(each.values()))


def _told(row: Callback) -> dict[str, str]:
    state = "applied" if row.applied_at else "waits" if row.due_at else "kept aside"
    return {
        "received_at": f"{row.received_at:%Y-%m-%d %H:%M:%S}",
        "state": state,
        "origin": row.origin,
        "note": row.note,
    }
