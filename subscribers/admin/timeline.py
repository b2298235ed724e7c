"""One person's timeline: events of the log as sentences, newest first, a keyset page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from itertools import groupby
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from delivery.models import Outbox, SendLedger, Source
from subscribers import kinds
from subscribers.models import Event, List, Subscriber
from subscribers.states import SuppressionReason

PAGE = 50


class Words(NamedTuple):
    """How an event is told: an icon, a colour, and a sentence with {placeholders}."""

    icon: str
    tone: str
    sentence: Any


# By the kind of an event and, where a machine's hit is told apart from a human's, its verdict.
WORDS = {
    "subscriber.created": Words("person_add", "good", _("Became known")),
    "subscriber.updated": Words("edit", "plain", _("Profile changed: {fields}")),
    "subscriber.merged": Words("merge", "plain", _("Became one with somebody else")),
    "subscriber.erased": Words("delete_forever", "warn", _("Was forgotten for good")),
    "subscription.pending": Words("hourglass", "plain", _("Asked to join {list}")),
    "subscription.not_asked": Words(
        "do_not_disturb_on", "warn", _("Was not asked to confirm {list}: {reason}")
    ),
    "subscription.confirmed": Words("check_circle", "good", _("Joined {list}")),
    "subscription.unsubscribed": Words("person_remove", "bad", _("Left {list}")),
    "tag.added": Words("label", "plain", _("Was tagged {tag}")),
    "tag.removed": Words("label_off", "plain", _("Lost the tag {tag}")),
    "segment.entered": Words("pie_chart", "plain", _("Came into the segment {segment}")),
    "segment.left": Words("pie_chart", "plain", _("Left the segment {segment}")),
    "custom": Words("bolt", "plain", _("“{name}” was told of them")),
    "message.sent": Words("send", "good", _("Was sent “{message}”")),
    "message.deferred": Words("schedule_send", "warn", _("“{message}” was put off: {reason}")),
    "message.held": Words("pause_circle", "warn", _("“{message}” waits: {reason}")),
    "message.skipped": Words("block", "warn", _("Not sent “{message}”: {reason}")),
    "message.failed": Words("error", "bad", _("“{message}” failed: {reason}")),
    "message.in_doubt": Words("help", "warn", _("“{message}” may or may not have left")),
    "message.opened": Words("drafts", "good", _("Opened “{message}” (estimated)")),
    "message.opened machine": Words(
        "smart_toy", "plain", _("“{message}” was opened by a mail proxy; not counted")
    ),
    "message.clicked": Words("ads_click", "good", _("Clicked in “{message}”")),
    "message.clicked machine": Words(
        "smart_toy", "plain", _("A scanner followed a link in “{message}”; not counted")
    ),
    "message.opened unknown": Words(
        "help", "plain", _("Something unknown opened “{message}”; not counted")
    ),
    "message.clicked unknown": Words(
        "help", "plain", _("Something unknown followed a link in “{message}”; not counted")
    ),
    "unsubscribe.explained too_many": Words("chat", "plain", _("Left: too many messages")),
    "unsubscribe.explained irrelevant": Words("chat", "plain", _("Left: not relevant to them")),
    "unsubscribe.explained not_asked": Words("chat", "warn", _("Left: never signed up")),
    "unsubscribe.explained other": Words("chat", "plain", _("Left for another reason")),
    "message.delivered": Words("mark_email_read", "good", _("“{message}” reached their server")),
    "message.bounced": Words("undo", "warn", _("“{message}” came back: {reason}")),
    "message.bounced hard": Words(
        "undo", "bad", _("“{message}” came back for good, nobody lives there: {reason}")
    ),
    "message.bounced sender": Words(
        "undo", "warn", _("“{message}” came back because of you: {reason}")
    ),
    "message.complained": Words("report", "bad", _("Called “{message}” spam")),
    "message.replied": Words("reply", "good", _("Answered “{message}”: {excerpt}")),
    "message.unsubscribed": Words("unsubscribe", "bad", _("Unsubscribed from “{message}”")),
    "enrollment.started": Words("login", "plain", _("Entered {source}")),
    "enrollment.held_out": Words("block", "plain", _("Held out of {source}, to compare with")),
    "enrollment.completed": Words("flag", "good", _("Finished {source}")),
    "enrollment.goal": Words("flag", "good", _("Reached the goal of {source}: {reason}")),
    "enrollment.moved": Words("move_down", "plain", _("Goes on in a new version of {source}")),
    "enrollment.removal": Words("logout", "plain", _("Another sequence ended {source} for them")),
    "enrollment.exited": Words("logout", "warn", _("Left {source} early: {reason}")),
    "enrollment.failed": Words("error", "bad", _("Cannot go on in {source}: {reason}")),
    "goal.reached": Words("flag", "good", _("A goal of {source} counts")),
}
_COLUMNS = {"snoozed_until": _("their break"), "frequency": _("how much they want")}
# The message or the wait that a step leads to is told anyway, and the goal that messages led to.
LEFT_OUT = ("enrollment.step", "goal.credited")
# What can be shown alone: a label, and how its kinds begin.
FILTERS = {
    "": (_("Everything"), ("",)),
    "messages": (_("Messages"), ("message.",)),
    "sequences": (_("Sequences"), ("enrollment.",)),
    "consent": (_("Consent"), ("subscription.",)),
    "events": (_("Events"), ("custom",)),
    "not_sent": (
        _("Not sent"),
        (
            *("message.skipped", "message.failed", "message.held", "message.deferred"),
            *("message.in_doubt", "subscription.not_asked", "enrollment.held_out"),
            *("enrollment.exited", "enrollment.failed"),
        ),
    ),
}
# Why something was not sent, or ended, in words. What begins with “suppressed: ” goes on with the
# reason of the suppression; a reason that is not here is told as it was given.
BECAUSE = {
    "cancelled": _("it was cancelled"),
    "held": _("sending is paused"),
    "archived": _("they, or what sent it, were put away"),
    "not subscribed": _("they are not confirmed on its list"),
    "snoozed": _("they take a break"),
    "frequency cap": _("they have had as many messages as they may, or want"),
    "expired": _("it was too late for it"),
    "erased": _("they were forgotten for good"),
    "merged": _("they became one with somebody else"),
    "suppressed": _("nothing is sent to this address"),
}


class Entry(NamedTuple):
    """One line of the timeline."""

    at: datetime
    words: Words
    sentence: str
    source: str


@dataclass(frozen=True)
class Page:
    """Entries by day, and the event to read on before; 0 on the last page."""

    days: list[tuple[date, list[Entry]]]
    before: int


def read(subscriber: Subscriber, *, show: str = "", before: int | None = None) -> Page:
    """The page of entries older than event `before`, of all kinds or of one of FILTERS."""
    events = Event.objects.of(subscriber.workspace).filter(subscriber=subscriber)
    events = events.exclude(kind__in=LEFT_OUT)
    if show in FILTERS:
        begins = [Q(kind__startswith=prefix) for prefix in FILTERS[show][1]]
        events = events.filter(reduce(or_, begins))
    if before is not None:
        events = events.filter(id__lt=before)
    found = list(events.order_by("-id")[: PAGE + 1])
    shown = found[:PAGE]
    names = _Names(shown)
    entries = [_entry(event, names) for event in shown]
    days = [(day, list(of_day)) for day, of_day in groupby(entries, key=_day)]
    return Page(days, shown[-1].pk if len(found) > PAGE else 0)


def because(reason: Any) -> Any:
    """A reason as it is told."""
    if not isinstance(reason, str) or not reason:
        return _("no reason given")
    word, _colon, which = reason.partition(": ")
    if word == "suppressed" and which in SuppressionReason.values:
        return f"{BECAUSE[word]} ({SuppressionReason(which).label})"
    return BECAUSE.get(reason, reason)


def _entry(event: Event, names: _Names) -> Entry:
    plain = Words("circle", "plain", event.kind)
    words = WORDS.get(f"{event.kind} {event.verdict}") or WORDS.get(event.kind, plain)
    sentence = str(words.sentence)
    source = "" if "{source}" in sentence else names.source(event, "")
    return Entry(event.occurred_at, words, sentence.format_map(names.of(event)), source)


def _day(entry: Entry) -> date:
    return timezone.localtime(entry.at).date()


class _Names:
    """The names behind the ids in some events, read at once."""

    def __init__(self, events: list[Event]) -> None:
        list_ids = {event.list_id for event in events if event.list_id}
        self.lists = dict(List.objects.filter(pk__in=list_ids).values_list("id", "name"))
        sources = Source.objects.filter(source_id__in={event.source_id for event in events} - {0})
        self.sources = {(source.kind, source.source_id): source.name for source in sources}
        self.messages: dict[int, str] = {}
        for model in (SendLedger, Outbox):
            rows = model.objects.filter(pk__in={event.message_id for event in events} - {None})
            self.messages |= dict(rows.values_list("id", "template_version__template__name"))

    def source(self, event: Event, default: str) -> str:
        return self.sources.get((event.source_kind, event.source_id), default)

    def of(self, event: Event) -> Mapping[str, Any]:
        facts = {} if event.kind == kinds.CUSTOM else event.shown
        return {
            "list": self.lists.get(event.list_id or 0, _("a list")),
            "fields": ", ".join(
                str(_COLUMNS.get(name, name))
                for name in facts.get("changed") or facts.get("fields") or ()
            ),
            "name": event.name,
            "tag": facts.get("tag", ""),
            "segment": facts.get("segment", ""),
            "excerpt": facts.get("excerpt") or "…",
            "reason": because(facts.get("reason")),
            "source": self.source(event, gettext("a sequence")),
            "message": self.messages.get(event.message_id or 0, _("a message")),
        }
