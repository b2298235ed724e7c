from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from accounts.models import Workspace
from delivery.services import stops


class Command(BaseCommand):
    help = "Let nothing leave any more, of one workspace or of all, until resume_sending."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="why: people will ask")
        parser.add_argument("--workspace", help="the slug of the only one to pause")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = named(options["workspace"])
        by = Actor.command("pause_sending")
        paused = stops.pause_sending(reason=options["reason"], by=by, workspace=workspace)
        whose = f"“{workspace}”" if workspace else "everybody"
        self.stdout.write(f"Sending is {'paused' if paused else 'paused already'} for {whose}.")


def named(slug: str | None) -> Workspace | None:
    """The workspace of that slug, None without one. Raises CommandError."""
    if slug is None:
        return None
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise CommandError(f"There is no workspace “{slug}”.")
    return workspace
