"""Which recipient domains belong together: learnt as people confirm, not while messages leave."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q

from delivery import operators
from delivery.models import RecipientDomain
from delivery.records.lookup import Lookup, Unanswered, make_resolver
from emailseq.lib import clock, sql

LOOK_AGAIN = timedelta(days=30)
TRY_AGAIN = timedelta(days=1)
SECONDS = 3.0
AT_ONCE = 10


def count(subscriber_ids: Sequence[int]) -> int:
    """Take note of the domains of people who have confirmed; how many domains they were."""
    return sql.run("delivery", "count_domains", {"subscriber_ids": list(set(subscriber_ids))})


def look_up(limit: int = 200) -> int:
    """Find out who runs the mail of domains that are new or were looked up long ago.

    Returns how many. DNS is asked for a few seconds at most; who did not answer is asked tomorrow.
    """
    now = clock.now()
    due = Q(looked_up_at=None) | Q(looked_up_at__lt=now - LOOK_AGAIN)
    oldest_first = F("looked_up_at").asc(nulls_first=True)
    rows = list(RecipientDomain.objects.filter(due).order_by(oldest_first, "domain")[:limit])
    lookup = Lookup(make_resolver(settings.DNS_SERVERS), seconds=SECONDS)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = list(threads.map(lambda row: _found(row, lookup, now), rows))
    return RecipientDomain.objects.bulk_update(found, ["operator", "takes_mail", "looked_up_at"])


def _found(row: RecipientDomain, lookup: Lookup, now: datetime) -> RecipientDomain:
    try:
        row.operator, row.takes_mail = _known(row.domain, lookup)
        row.looked_up_at = now
    except Unanswered:
        row.looked_up_at = now - LOOK_AGAIN + TRY_AGAIN
    return row


def _known(domain: str, lookup: Lookup) -> tuple[str, bool | None]:
    """Who runs the mail of a domain, and whether it takes any. Raises Unanswered."""
    if known := operators.by_domain(domain):
        return known, True
    if operators.is_reserved(domain):
        return "", None
    servers = lookup.mail_servers(domain)
    # Without mail servers, mail goes to the host of that name (RFC 5321 §5.1); one without a name
    # says that none is taken (RFC 7505).
    takes = any(server.host for server in servers) if servers else bool(lookup.addresses(domain))
    return operators.by_exchangers(server.host for server in servers), takes
