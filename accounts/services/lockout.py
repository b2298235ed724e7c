"""Against guessing: who fails too often has to wait, by whichever door they come.

Counted in PostgreSQL, so that it holds without Valkey and for all processes together.
"""

from __future__ import annotations

import ipaddress
import math
from datetime import timedelta

from accounts.models import FailedSignIn
from emailseq.lib import clock, signing

PERIOD = timedelta(minutes=15)
PER_ACCOUNT = 10  # failures from one network
PER_NETWORK = 50


def seconds_left(account: str, ip: str | None) -> int:
    """How long an account is locked for people from the network of an address; 0: it is not."""
    now = clock.now()
    waits = [0]
    for about, most in _counted(account, ip):
        recent = FailedSignIn.objects.filter(about=about, at__gt=now - PERIOD).order_by("-at")
        # It opens when the first of the last so many failures is a period old.
        first = recent.values_list("at", flat=True)[most - 1 : most]
        waits += [math.ceil((at + PERIOD - now).total_seconds()) for at in first]
    return max(waits)


def begin(account: str, ip: str | None) -> bool:
    """Count a try as failed until `succeeded`; False when it is one too many.

    First counted, then looked: many tries at once are not more tries.
    """
    if seconds_left(account, ip):
        return False
    counted = dict(_counted(account, ip))
    FailedSignIn.objects.bulk_create([FailedSignIn(about=about) for about in counted])
    since = clock.now() - PERIOD
    return all(
        FailedSignIn.objects.filter(about=about, at__gt=since).count() <= most
        for about, most in counted.items()
    )


def succeeded(account: str, ip: str | None) -> None:
    """Forget the failures of an account, and that its network has just tried."""
    (about, _), (network, _) = _counted(account, ip)
    FailedSignIn.objects.filter(about=about).delete()
    last = FailedSignIn.objects.filter(about=network).order_by("-at").values("pk")[:1]
    FailedSignIn.objects.filter(pk__in=last).delete()


def forget(*, limit: int = 10_000) -> int:
    """Delete failures that count no more; how many they were."""
    old = FailedSignIn.objects.filter(at__lt=clock.now() - PERIOD).order_by("pk")[:limit]
    return FailedSignIn.objects.filter(pk__in=old.values("pk")).delete()[0]


def _counted(account: str, ip: str | None) -> list[tuple[str, int]]:
    """What a try counts against, each as a digest, and how many failures it may have."""
    size = 64 if ip and ":" in ip else 24
    network = str(ipaddress.ip_network(f"{ip}/{size}", strict=False)) if ip else ""
    named = ((f"{account.casefold()}|{network}", PER_ACCOUNT), (f"|{network}", PER_NETWORK))
    return [(signing.digest("sign-in", name.encode()).hex(), most) for name, most in named]
