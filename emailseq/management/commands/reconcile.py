from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from analytics import recount
from campaigns.models import Campaign
from campaigns.states import CampaignState
from delivery import reconcile
from delivery.models import Outbox, SendLedger
from delivery.reconcile import Finding
from delivery.states import SourceKind


class Command(BaseCommand):
    help = "Compare outbox, ledger, event log and rollups. Exits 1 when they disagree."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--journal", type=Path, help="a sink's journal, to compare with too")
        parser.add_argument("--rebuild", action="store_true", help="recount the rollups from rows")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rebuild"]:
            recount.rebuild()
        found = _findings(options["journal"])
        if options["json"]:
            self.stdout.write(json.dumps({"findings": [finding._asdict() for finding in found]}))
        else:
            for finding in found:
                self.stdout.write(f"{finding.invariant}: {finding.sentence}")
            self.stdout.write("Drift: none." if not found else f"Findings: {len(found)}.")
        sys.exit(1 if found else 0)


@transaction.atomic
def _findings(journal: Path | None) -> list[Finding]:
    """All checks in one snapshot: messages move from table to table while they are counted."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    found = [*reconcile.check_rows(), *_campaigns(), *_drift()]
    if journal:
        try:
            found += reconcile.check_journal(journal)
        except OSError as error:
            raise CommandError(f"There is no such journal: {error}", returncode=2) from error
    return found


def _campaigns() -> list[Finding]:
    """I1 and I9: every recipient is known, and finished once the campaign is sent."""
    return [
        Finding("I9", f"{campaign.public_id} counts {campaign.recipient_count}, has {known}.")
        for campaign in Campaign.objects.exclude(state=CampaignState.DRAFT).order_by("pk")
        if (known := _known(campaign)) != campaign.recipient_count
    ]


def _known(campaign: Campaign) -> int:
    own = {"kind": SourceKind.CAMPAIGN, "source_id": campaign.pk}
    finished = SendLedger.objects.filter(**own).count()
    if campaign.state == CampaignState.SENT:
        return finished
    return finished + Outbox.objects.filter(**own).count()


def _drift() -> list[Finding]:
    return [Finding("I5", str(drift)) for drift in recount.drift()]
