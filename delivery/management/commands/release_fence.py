from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from delivery.models import Outbox
from delivery.services import stops
from emailseq.lib import clock


class Command(BaseCommand):
    help = "Let this deployment send from a database that was restored or copied."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do it, and do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (why := stops.fence()):
            self.stdout.write("There is no fence: this deployment may send.")
            return
        due = Outbox.objects.filter(run_at__lte=clock.now(), cancelled_at=None).count()
        self.stdout.write(f"{why} {due} messages are due, and would leave at once.")
        if not options["yes"]:
            raise CommandError("Nothing was done. Say --yes to let them leave.")
        stops.release_fence(by=Actor.command("release_fence"))
        self.stdout.write("The fence is released.")
