from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from accounts.models import Workspace
from accounts.services import create_api_key
from emailseq.lib.errors import Invalid


class Command(BaseCommand):
    help = "Make an API key and show it, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--scopes", required=True, help="e.g. subscribers:write,lists:read")
        parser.add_argument("--workspace", help="its slug; may be left out while there is only one")
        parser.add_argument("--rate", default="", help="e.g. 300/min; API_RATE by default")
        parser.add_argument("--json", action="store_true", help="print the key as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = _workspace(options["workspace"])
        try:
            key, text = create_api_key(
                workspace=workspace,
                name=options["name"],
                scopes=[scope.strip() for scope in options["scopes"].split(",")],
                rate=options["rate"],
                by=Actor.command("create_api_key"),
            )
        except Invalid as error:
            raise CommandError(str(error)) from error
        shown = {"id": key.public_id, "key": text, "workspace": workspace.slug}
        self.stdout.write(json.dumps(shown) if options["json"] else text)


def _workspace(slug: str | None) -> Workspace:
    workspaces = Workspace.objects.filter(slug=slug) if slug else Workspace.objects.all()
    found = list(workspaces[:2])
    if not found:
        raise CommandError(f"There is no workspace “{slug}”." if slug else "There is no workspace.")
    if len(found) > 1:
        raise CommandError("There are several workspaces: name one with --workspace.")
    return found[0]
