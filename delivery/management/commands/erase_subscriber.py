from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from delivery.services import personal
from subscribers.management import chosen


class Command(BaseCommand):
    help = "Forget a person for good: nobody can undo it. Without --yes it says whom it would be."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subscriber", metavar="ADDRESS", help="or the id, sub_…")
        parser.add_argument("--yes", action="store_true", help="do it")
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")

    def handle(self, *args: Any, **options: Any) -> None:
        person = chosen.person_of(chosen.workspace(options["workspace"]), options["subscriber"])
        who = f"{person.email} ({person.public_id})"
        if not options["yes"]:
            raise CommandError(f"This forgets {who} for good. Say --yes to do it.")
        done = personal.erase(person, by=Actor.command("erase_subscriber"))
        self.stdout.write(f"{who} is erased." if done else f"{who} was erased before.")
