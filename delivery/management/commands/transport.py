from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import Actor
from delivery.models import Transport
from delivery.services import transports
from emailseq.lib import ids
from emailseq.lib.errors import AppError

BY = Actor.command("transport")
NONE = "none"


class Command(BaseCommand):
    help = "Show the transports, or set limits of one, pause, resume or try it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("transport", nargs="?", help="its id; the shared one by default")
        parser.add_argument("--rate", type=_or_none(float), help="messages a second")
        parser.add_argument("--domain-rate", type=_or_none(float), help="to one group of domains")
        parser.add_argument("--connections", type=_or_none(int), help="of all senders together")
        parser.add_argument("--daily", type=_or_none(int), help="messages a day")
        parser.add_argument("--warm-up", choices=("on", "off"), help="begin with 50 a day")
        parser.add_argument("--pause", action="store_true")
        parser.add_argument("--resume", action="store_true")
        parser.add_argument("--test", action="store_true", help="connect and sign in")

    def handle(self, *args: Any, **options: Any) -> None:
        transport = _named(options["transport"])
        try:
            if changes := _changes(options):
                transports.update_transport(transport, by=BY, **changes)
            if options["pause"]:
                transports.pause_transport(transport, by=BY)
            if options["resume"]:
                transports.resume_transport(transport, by=BY)
            if options["test"]:
                self.stderr.write(transports.test_transport(transport, by=BY))
        except AppError as error:
            raise CommandError(error.detail) from error
        for row in Transport.objects.in_use().prefetch_related("lanes__transport").order_by("pk"):
            self.stdout.write(_line(row))


def _named(public_id: str | None) -> Transport:
    if public_id is None:
        return transports.shared_transport()
    uid = ids.decode(Transport.prefix, public_id)
    found = Transport.objects.in_use().filter(uid=uid).first() if uid else None
    if found is None:
        raise CommandError(f"There is no transport {public_id}.")
    return found


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        return NONE if text == NONE else kind(text)

    parse.__name__ = kind.__name__
    return parse


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    names = {"rate": "rate", "domain_rate": "domain_rate", "daily": "daily"}
    names["connections"] = "max_connections"
    given = {field: options[name] for name, field in names.items() if options[name] is not None}
    changes = {field: None if value == NONE else value for field, value in given.items()}
    if options["warm_up"]:
        changes["warm_up"] = options["warm_up"] == "on"
    return changes


def _line(transport: Transport) -> str:
    whole = transport.whole
    limits = {
        "messages/s": transport.rate,
        "messages/s per group": transport.domain_rate,
        "connections": transport.max_connections,
        "messages/day": transport.daily,
    }
    told = [f"{value:g} {name}" for name, value in limits.items() if value is not None]
    told += ["warming up"] if transport.warm_up else []
    reason = f" ({whole.reason})" if whole.reason else ""
    stands = f"{transport.address}  {whole.state}{reason}"
    return f"{transport.public_id}  {stands}  {', '.join(told)}".rstrip()
