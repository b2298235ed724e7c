from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console

from emailseq import health
from emailseq.health import Level

_MARKS = {
    Level.HEALTHY: "[green]●[/] ",
    Level.DEGRADED: "[yellow]▲[/] ",
    Level.BROKEN: "[red]■[/] ",
}


class Command(BaseCommand):
    help = "Say how every moving part is doing. Exits 0 healthy, 1 degraded, 2 broken."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        found = health.checks()
        worst = max(check.level for check in found)
        if options["json"]:
            parts = [check._asdict() | {"level": check.level.name.lower()} for check in found]
            self.stdout.write(json.dumps({"level": worst.name.lower(), "checks": parts}))
        else:
            console = Console(file=sys.stdout)
            for check in found:
                console.print(f"{_MARKS[check.level]}[bold]{check.name}[/]  {check.sentence}")
        sys.exit(int(worst))
