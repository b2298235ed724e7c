from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.audit import Actor
from delivery.management.commands.pause_sending import named
from delivery.services import stops


class Command(BaseCommand):
    help = "Let messages leave again, what became due meanwhile at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", help="the slug of the only one that was paused")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = named(options["workspace"])
        resumed = stops.resume_sending(by=Actor.command("resume_sending"), workspace=workspace)
        whose = f"“{workspace}”" if workspace else "everybody"
        self.stdout.write(f"Sending {'goes on' if resumed else 'was not paused'} for {whose}.")
