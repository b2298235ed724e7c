from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from accounts.audit import Actor
from emailseq.lib.errors import AppError
from subscribers.exports import export_people
from subscribers.management import chosen
from subscribers.models import Subscriber
from subscribers.states import SubscriptionState


class Command(BaseCommand):
    help = "Write the people of a list, and what is known about them, to a CSV file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--list", required=True, metavar="SLUG", help="whose people")
        parser.add_argument(
            "--state",
            choices=SubscriptionState.values,
            default=SubscriptionState.CONFIRMED,
            help="of their place on the list",
        )
        parser.add_argument("--tag", metavar="SLUG", help="only those who carry it")
        parser.add_argument(
            "--raw", action="store_true", help="leave text alone that a spreadsheet would run"
        )
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")

    def handle(self, *args: Any, **options: Any) -> None:
        source = chosen.list_of(chosen.workspace(options["workspace"]), options["list"])
        people = Subscriber.objects.of(source.workspace).filter(
            subscriptions__list=source, subscriptions__state=options["state"]
        )
        if tag := options["tag"]:
            people = people.filter(tags__tag__slug=tag)
        try:
            count = export_people(people, path=options["file"], raw=options["raw"])
        except AppError as error:
            raise CommandError(error.detail) from error
        changes = {"state": options["state"], "tag": tag, "people": count}
        by = Actor.command("export_subscribers")
        audit.record(source.workspace, "list.exported", by=by, on=source, changes=changes)
        self.stdout.write(f"{count:,} people in {options['file']}")
