"""What is told of messages that had been taken, and is about us: it stops their lanes.

A lane pauses when as many of so few of its messages in a row came back as would have paused it if
they had been refused at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Exists, OuterRef

from delivery import brakes
from delivery.brakes import WINDOW, Limits, State
from delivery.models import Feedback, Lane, SendLedger
from delivery.states import FeedbackKind, Outcome

UNWANTED = Limits().unwanted
FAR = 100_000  # ids: what is farther apart is no row of messages, and is not counted


def brake_lanes(refused: Iterable[tuple[SendLedger, str]]) -> None:
    """Let lanes hear of these messages that came back because of us, each with the words for it.

    In the caller's transaction; the lanes are locked by id.
    """
    told: dict[tuple[int, str, str], list[tuple[SendLedger, str]]] = {}
    for message, words in refused:
        if message.transport_id:
            place = (message.transport_id, message.message_class, message.domain_group)
            told.setdefault(place, []).append((message, words))
    if not told:
        return
    lanes = Lane.objects.filter(transport__in={place[0] for place in told}).order_by("id")
    for lane in lanes.select_for_update(of=("self",)):
        news = told.get((lane.transport_id, lane.message_class, lane.domain_group), ())
        if news and lane.state != State.PAUSED:
            _hear(lane, news)


def _hear(lane: Lane, news: Iterable[tuple[SendLedger, str]]) -> None:
    since = [
        pair for pair in news if not lane.released_at or pair[0].finished_at > lane.released_at
    ]
    lane.day_fault_count += len(since)
    if since and _is_unwanted(lane, since[0][0]):
        lane.brakes = brakes.pause(lane.brakes, f"Told later: {since[0][1]}"[:500])
    lane.save()


def _is_unwanted(lane: Lane, message: SendLedger) -> bool:
    """Whether too many of the lane's messages about this one came back because of us."""
    place: Mapping[str, object] = {
        "workspace": message.workspace_id,
        "transport": lane.transport_id,
        "message_class": lane.message_class,
        "domain_group": lane.domain_group,
        "pk__range": (message.pk - FAR, message.pk + FAR),
    }
    sent = SendLedger.objects.filter(**place, outcome=Outcome.SENT)
    if lane.released_at:
        sent = sent.filter(finished_at__gt=lane.released_at)
    back = Feedback.objects.filter(kind=FeedbackKind.SENDER_FAULT, message_id=OuterRef("pk"))
    last = [*sent.filter(Exists(back)).order_by("-pk").values_list("pk", flat=True)[:UNWANTED]]
    if len(last) < UNWANTED:
        return False
    among = sent.filter(pk__range=(last[-1], last[0])).values_list("pk", flat=True)
    return len(among[: WINDOW + 1]) <= WINDOW
