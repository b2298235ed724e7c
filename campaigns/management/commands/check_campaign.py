from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns import checklist
from campaigns.models import Campaign
from emailseq.lib import ids


class Command(BaseCommand):
    help = "Say what stands in the way of a campaign; exits with 1 if anything does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", help="its id (cmp_…)")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parser.add_argument("--fail-on", choices=("block", "warn"), default="block")

    def handle(self, *args: Any, **options: Any) -> None:
        uid = ids.decode(Campaign.prefix, options["campaign"])
        campaign = Campaign.objects.filter(uid=uid).first() if uid else None
        if campaign is None:
            raise CommandError(f"There is no campaign {options['campaign']}.", returncode=2)
        found = checklist.check(campaign)
        lines = [json.dumps(asdict(found))] if options["json"] else found.lines()
        self.stdout.write("\n".join(lines))
        if found.fails(options["fail_on"]):
            raise SystemExit(1)
