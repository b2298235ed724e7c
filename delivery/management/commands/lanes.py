from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from delivery.models import Lane
from delivery.services import transports


class Command(BaseCommand):
    help = "Say how lanes stand, those in trouble first, or release some."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="the open ones, too")
        parser.add_argument("--release", type=int, action="append", metavar="ID", default=[])
        parser.add_argument("--json", action="store_true", help="one JSON array on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        for lane_id in options["release"]:
            self._release(lane_id)
        lanes = Lane.objects.all() if options["all"] else Lane.objects.closed()
        rows = [*lanes.select_related("transport").order_by("-until", "id")]
        if options["json"]:
            self.stdout.write(json.dumps([_facts(lane) for lane in rows]))
            return
        for lane in rows:
            until = f" until {lane.until:%F %T}" if lane.until else ""
            reason = f" · {lane.reason}" if lane.reason else ""
            self.stdout.write(f"{lane.pk:>6}  {lane}: {lane.state}{until}{reason}")
        if not rows:
            self.stdout.write("All lanes are open.")

    def _release(self, lane_id: int) -> None:
        lane = Lane.objects.select_related("transport").filter(pk=lane_id).first()
        if lane is None:
            raise CommandError(f"There is no lane {lane_id}.")
        released = transports.release_lane(lane, by=Actor.command("lanes"))
        self.stderr.write(f"{lane} is {'open' if released else 'open already'}.")


def _facts(lane: Lane) -> dict[str, Any]:
    return {
        "id": lane.pk,
        "transport": lane.transport.name,
        "message_class": lane.message_class,
        "domain_group": lane.domain_group,
        "state": lane.state,
        "until": lane.until.isoformat() if lane.until else None,
        "reason": lane.reason,
        "health": lane.brakes.health,
        "rate": lane.rate,
        "pace": lane.pace,
        "sent_today": lane.day_count,
    }
