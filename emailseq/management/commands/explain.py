from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Workspace
from campaigns import why as campaigns_why
from campaigns.models import Campaign
from delivery import explain
from delivery.states import SourceKind
from emailseq.lib import ids
from emailseq.lib.errors import Invalid
from sequences import why
from sequences.models import Sequence
from subscribers.models import Subscriber
from subscribers.services import parse_address


class Command(BaseCommand):
    help = "Say why somebody did, or didn't, get something: every gate and its answer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("source", help="the slug of a sequence, or a campaign (cmp_…)")
        parser.add_argument("--step", default="", metavar="KEY", help="one step of the sequence")
        parser.add_argument("--workspace", help="its slug, when there are several")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        source = _source(options["source"], options["workspace"])
        subscriber = _subscriber(source.workspace, options["email"])
        kind = SourceKind.CAMPAIGN if isinstance(source, Campaign) else SourceKind.SEQUENCE
        key = kind.value, source.pk
        if isinstance(source, Sequence):
            gates = why.gates(subscriber, source, step_key=options["step"])
        else:
            gates = campaigns_why.gates(subscriber, source)
        messages = list(explain.messages(subscriber, *key))
        if options["json"]:
            answer = {"gates": [gate._asdict() for gate in gates], "messages": messages}
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(f"{subscriber} and {kind} “{source}”")
        for gate in gates:
            self.stdout.write(f"  {'✓' if gate.passed else '✗'} {gate.gate}: {gate.because}")
        for line in messages or ["no message yet"]:
            self.stdout.write(f"  · {line}")


def _source(name: str, workspace: str | None) -> Campaign | Sequence:
    uids = [uid for uid in [ids.decode("cmp", name)] if uid]
    found: list[Campaign | Sequence] = [
        *Campaign.objects.filter(uid__in=uids).select_related("workspace", "list"),
        *Sequence.objects.filter(slug=name).select_related("workspace", "list"),
    ]
    found = [source for source in found if workspace in (None, source.workspace.slug)]
    if not found:
        raise CommandError(f"No sequence has the slug “{name}”, and no campaign this id.")
    if len(found) > 1:
        raise CommandError("Several workspaces have one: say which with --workspace.")
    return found[0]


def _subscriber(workspace: Workspace, email: str) -> Subscriber:
    try:
        key = parse_address(email).key
    except Invalid as error:
        raise CommandError(error.detail) from error
    subscriber = Subscriber.objects.of(workspace).filter(address_key=key).first()
    if subscriber is None:
        raise CommandError(f"Nobody in {workspace} has the address {email}.")
    return subscriber
