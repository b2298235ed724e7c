"""Which message of ours a mail from outside is about, when only a Message-ID says so.

A Message-ID is a keyed digest (`letters.MessageKey`): nobody can make one up, so who names one has
seen that message. It cannot be read backwards either: candidates are what was sent to the
addresses that the mail names, and what is in doubt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet

from delivery.letters import MessageKey
from delivery.models import Outbox, SendLedger
from emailseq.lib import addresses, clock
from subscribers.models import Subscriber

SINCE = timedelta(days=90)
MOST_PEOPLE, MOST_MESSAGES = 20, 500


class Match(NamedTuple):
    """A message of ours, and the address of its reader now."""

    message_id: int
    address_key: str


def by_message_id(message_ids: Collection[str], *, about: Iterable[str]) -> int | None:
    """The id of the first message of ours that is named; `about` are addresses in the mail."""
    found = find(message_ids, about=about)
    return found.message_id if found else None


def find(message_ids: Collection[str], *, about: Iterable[str]) -> Match | None:
    """Like `by_message_id`, with its reader."""
    if not message_ids:
        return None
    ours = dict(_candidates(about))
    return next((ours[each] for each in message_ids if each in ours), None)


def _candidates(about: Iterable[str]) -> Iterator[tuple[str, Match]]:
    people = Subscriber.objects.filter(address_key__in=_keys(about)).order_by("-pk")
    person_ids = list(people.values_list("pk", flat=True)[:MOST_PEOPLE])
    lately = clock.now() - SINCE
    sent = SendLedger.objects.filter(subscriber__in=person_ids, finished_at__gt=lately)
    waiting = Outbox.objects.filter(subscriber__in=person_ids).exclude(wire_at=None)
    for rows in (sent, waiting, Outbox.objects.in_doubt()):
        yield from _message_ids(rows.order_by("-pk"))


def _message_ids(rows: QuerySet[Any]) -> Iterator[tuple[str, Match]]:
    beside = ("pk", "subscriber__address_key", "sender__email")
    columns = rows.values_list(*beside, *MessageKey._fields)
    for pk, address_key, email, *key in columns[:MOST_MESSAGES]:
        yield MessageKey(*key).message_id(email), Match(pk, address_key)


def _keys(about: Iterable[str]) -> set[str]:
    keys = set()
    for email in about:
        try:
            keys.add(addresses.parse(email).key)
        except addresses.BadAddress:
            continue
    return keys
