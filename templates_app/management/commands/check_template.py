from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from emailseq.lib import ids
from templates_app import review
from templates_app.models import Template


class Command(BaseCommand):
    help = "Say what stands in the way of a template; exits with 1 if anything does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("template", help="its id (tpl_…)")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parser.add_argument("--fail-on", choices=("block", "warn"), default="block")

    def handle(self, *args: Any, **options: Any) -> None:
        uid = ids.decode(Template.prefix, options["template"])
        template = Template.objects.filter(uid=uid).first() if uid else None
        if template is None:
            raise CommandError(f"There is no template {options['template']}.", returncode=2)
        found = review.check(template)
        lines = [json.dumps(asdict(found))] if options["json"] else found.lines()
        self.stdout.write("\n".join(lines))
        if found.fails(options["fail_on"]):
            raise SystemExit(1)
