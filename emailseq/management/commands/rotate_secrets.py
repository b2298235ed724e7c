from __future__ import annotations

import json
import re
import secrets
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from emailseq import rings

RINGS = {"link": "LINK_KEYS", "field": "FIELD_KEYS"}


class Command(BaseCommand):
    help = "Move stored secrets to the newest key of FIELD_KEYS, or make a new key for a ring."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--new", choices=[*RINGS], help="print a new key to put in front of this ring, no more"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new"]:
            self.stdout.write(_new_key(getattr(settings, RINGS[options["new"]])))
            return
        done = rings.renew()
        if options["json"]:
            self.stdout.write(json.dumps({"moved": done.moved, "unreadable": done.unreadable}))
        else:
            self._say(done)
        sys.exit(1 if done.unreadable else 0)

    def _say(self, done: rings.Renewal) -> None:
        newest, *older = settings.FIELD_KEYS
        self.stdout.write(f"{done.moved.total()} secrets moved to {newest}.")
        for name in done.unreadable:
            self.stdout.write(f"No key reads {name}: bring its key back, or set it anew.")
        if older and not done.unreadable:
            self.stdout.write(f"{', '.join(older)} may leave FIELD_KEYS.")


def _new_key(ring: dict[str, str]) -> str:
    numbers = [int(kid[1:]) for kid in ring if re.fullmatch(r"k\d+", kid)]
    return f"k{max(numbers, default=0) + 1}:{secrets.token_hex(32)}"
