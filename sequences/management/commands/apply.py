from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from sequences.management import choosing
from sequences.services import as_code, recipes
from sequences.services.as_code import Applied
from subscribers.models import List

BY = Actor.command("apply")


class Command(BaseCommand):
    help = "Make or change a sequence, and what it needs, as a file says. Safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", nargs="?")
        parser.add_argument("--recipe", metavar="SLUG", help="instead of a file")
        parser.add_argument("--slug", default="", help="of what the recipe makes")
        parser.add_argument("--list", metavar="SLUG", help="instead of the recipe's")
        parser.add_argument("--workspace", metavar="SLUG", help="not needed while there is one")
        parser.add_argument("--publish", action="store_true", help="and let it go live")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["file"] is None) == (options["recipe"] is None):
            raise CommandError("Say either a FILE or a --recipe.", returncode=2)
        applied = _made(options) if options["recipe"] else _applied(options["file"], options)
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(applied), "changed": applied.changed}))
            return
        self.stdout.write(applied.diff or f"“{applied.slug}” is as the file says.")
        if applied.published:
            self.stdout.write(f"Version {applied.published} of “{applied.slug}” is live.")


def _applied(file: Path, options: dict[str, Any]) -> Applied:
    workspace, document = choosing.the_workspace(options["workspace"]), choosing.document(file)
    with choosing.told(str(file)):
        return as_code.apply(workspace, document=document, publish=options["publish"], by=BY)


def _made(options: dict[str, Any]) -> Applied:
    workspace = choosing.the_workspace(options["workspace"])
    into = None
    if slug := options["list"]:
        into = List.objects.of(workspace).filter(slug=slug, archived_at=None).first()
        if into is None:
            raise CommandError(f"There is no list “{slug}”.", returncode=2)
    recipe = options["recipe"]
    with choosing.told(f"The recipe “{recipe}”"):
        return recipes.create_from_recipe(
            workspace,
            recipe=recipe,
            slug=options["slug"],
            list=into,
            publish=options["publish"],
            by=BY,
        )
