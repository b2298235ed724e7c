from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from delivery.models import SendingDomain
from delivery.records.findings import Level
from delivery.services import domains
from emailseq.lib.errors import Invalid

_MARKS = {Level.GOOD: "✓", Level.ADVICE: "▲", Level.BAD: "✗", Level.UNKNOWN: "?"}
_CODES = {Level.GOOD: 0, Level.ADVICE: 1, Level.UNKNOWN: 1, Level.BAD: 2}


class Command(BaseCommand):
    help = "Ask DNS about a sending domain. Exits 0 all well, 1 something to look at, 2 red."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain", metavar="DOMAIN")
        parser.add_argument("--workspace", metavar="SLUG", help="when several have it")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        domain = _domain(options["domain"], options["workspace"])
        domains.check_domain(domain, by=Actor.command("check_domain"))
        if options["json"]:
            shown = {"domain": domain.name, "state": domain.state, "findings": domain.findings}
            self.stdout.write(json.dumps(shown))
        else:
            self._show(domain)
        sys.exit(max(_CODES[each["level"]] for each in domain.findings))

    def _show(self, domain: SendingDomain) -> None:
        self.stdout.write(f"{domain.name}: {domain.get_state_display()}")
        for each in domain.findings:
            self.stdout.write(f"{_MARKS[each['level']]} {each['kind']} {each['host']}")
            self.stdout.write(f"    {each['advice']}")
            if each["level"] != Level.GOOD:
                for text in each["found"]:
                    self.stdout.write(f"    found    {text}")
                if each["expected"]:
                    self.stdout.write(f"    publish  {each['type']} {each['expected']}")


def _domain(name: str, workspace: str | None) -> SendingDomain:
    try:
        found = SendingDomain.objects.filter(name=domains.parse_domain(name))
    except Invalid as error:
        raise CommandError(error.detail, returncode=2) from error
    if workspace:
        found = found.filter(workspace__slug=workspace)
    if len(found) > 1:
        raise CommandError("Several workspaces have it: say which with --workspace.", returncode=2)
    if not found:
        raise CommandError(
            f"{name} is no sending domain yet: make it one in the back office, under Delivery.",
            returncode=2,
        )
    return found[0]
