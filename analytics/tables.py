"""The tables that reports are made of: the same on pages, in the API and as CSV.

Each costs a query or two over what consumers have counted, however much has happened. Shares are
fractions; money is in hundredths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, F, Q, Sum

from accounts.models import Workspace
from analytics import conversions, insights, links
from analytics.models import Rollup, Share
from analytics.numbers import SUMS, Numbers, numbers_by_day
from analytics.providers import Provider, delays, providers, providers_of
from analytics.shares import ACTIVE
from analytics.states import Breadth
from delivery.kinds import MESSAGE_CLICKED, MESSAGE_OPENED, MESSAGE_UNSUBSCRIBED
from delivery.models import Source
from delivery.states import SourceKind
from delivery.utm import NOTHING, Tags, tagged, tags_of
from emailseq.lib import clock, ids
from subscribers.cells import csv_lines, inert
from subscribers.kinds import (
    SUBSCRIBER_CREATED,
    SUBSCRIPTION_CONFIRMED,
    SUBSCRIPTION_UNSUBSCRIBED,
)
from subscribers.models import List, Subscriber, Subscription
from subscribers.states import SubscriptionState

Cell = str | int | float | date | None
TOP = 50  # sources of a table
COHORT_WEEKS = 12
INTERNAL = ("source_id",)  # columns that stay in the house


@dataclass(frozen=True)
class Table:
    """Rows under the names of their columns; `key` is the table's own."""

    key: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def csv(self) -> Iterator[str]:
        places = [place for place, name in enumerate(self.columns) if name not in INTERNAL]
        return csv_of([row[place] for place in places] for row in (self.columns, *self.rows))


def csv_of(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Rows as a CSV file; text that a spreadsheet would run is made inert."""
    return csv_lines(
        [inert(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )


_NUMBERS = ("sent", "opened", "clicked", "unsubscribed", "bounced", "complained")
_FINER = ("opens", "clicks", "machine_opened", "machine_clicked", "skipped", "failed")
_MONEY = ("converted", "conversions", "revenue")
_PROVIDER = (
    *("sent", "delivered_rate", "deferred", "failed", "bounced", "complained"),
    *("complaint_rate", "reputation", "opened", "clicked", "unsubscribed"),
)


def by_day(workspace: Workspace, *, days: int) -> Table:
    names = (*_NUMBERS, *_FINER, *_MONEY)
    found = numbers_by_day(workspace, days=days)
    rows = [(day, *_picked(of_day, names)) for day, of_day in found.items()]
    return Table("days", ("day", *names), rows)


def sources(workspace: Workspace, *, days: int) -> Table:
    """What sent most in the last days: campaigns and sequences, by their names."""
    since = clock.now() - timedelta(days=days)
    rollups = Rollup.objects.of(workspace).filter(
        hour__gt=since, source_kind__in=(SourceKind.CAMPAIGN, SourceKind.SEQUENCE)
    )
    grouped = rollups.values_list("source_kind", "source_id").annotate(**SUMS)
    found = [
        (kind, pk, Numbers(*sums))
        for kind, pk, *sums in grouped.order_by(F("sent").desc(), "source_id")[:TOP]
    ]
    own = Source.objects.filter(workspace=workspace, source_id__in={pk for _, pk, _ in found})
    known = {(row.kind, row.source_id): row.name for row in own}
    names = (*_NUMBERS, *_MONEY)
    rows = [
        (kind, known.get((kind, pk), ""), *_picked(each, names), pk) for kind, pk, each in found
    ]
    return Table("sources", ("kind", "name", *names, "source_id"), rows)


def deliverability(workspace: Workspace, *, days: int) -> Table:
    return _of_providers(providers_of(workspace, days=days))


def reasons(workspace: Workspace, *, days: int) -> Table:
    return _of_reasons(providers_of(workspace, days=days))


def growth(workspace: Workspace, *, days: int) -> Table:
    """Who joined and left lists, by day in UTC."""
    window = _window(days)
    rows = _lists(workspace, window[0]).values_list("day").annotate(**_JOINED).order_by()
    found = {day: (joined, left) for day, joined, left in rows}
    return Table(
        "growth",
        ("day", "joined", "left", "net"),
        [
            (day, joined, left, joined - left)
            for day in window
            for joined, left in [found.get(day, (0, 0))]
        ],
    )


def churn(workspace: Workspace, *, days: int) -> Table:
    """Of each list: who joined, who left, who is on it, and which part of those there left."""
    found = {
        int(value): (joined, left)
        for value, joined, left in _lists(workspace, _window(days)[0])
        .values_list("value")
        .annotate(**_JOINED)
        .order_by()
    }
    held = Subscription.objects.filter(
        list__workspace=workspace, state=SubscriptionState.CONFIRMED
    ).values_list("list_id")
    people = dict(held.annotate(Count("id")).order_by())
    rows = [
        (each.name, joined, left, joined - left, people.get(each.pk, 0), _rate(left, before))
        for each in List.objects.of(workspace).order_by("name", "pk")
        for joined, left in [found.get(each.pk, (0, 0))]
        for before in [people.get(each.pk, 0) + left - joined]
    ]
    return Table("lists", ("list", "joined", "left", "net", "people", "churn"), rows)


def cohorts(workspace: Workspace, *, days: int) -> Table:
    """By week of entry: how many people became known, which part of them opened or clicked in
    each week since, and which part left."""
    rows = Share.objects.of(workspace).filter(source_kind="", source_id=0, by=Breadth.ENTRY)
    counts: dict[str, dict[tuple[str, int], int]] = {}
    for entry, weeks, kind, count in rows.values_list("value", "detail", "kind", "count"):
        counts.setdefault(entry, {})[kind, int(weeks)] = count
    now, since = clock.now().date(), clock.now().date() - timedelta(days=days)
    shown = []
    for entry in sorted(counts):
        monday = date.fromisoformat(f"{entry}-1")
        people = counts[entry].get((SUBSCRIBER_CREATED, 0), 0)
        if not people or monday < since:
            continue
        age = (now - monday).days // 7
        active = [
            _rate(counts[entry].get((ACTIVE, week), 0), people) if week <= age else None
            for week in range(COHORT_WEEKS + 1)
        ]
        left = sum(n for (kind, _), n in counts[entry].items() if kind == MESSAGE_UNSUBSCRIBED)
        shown.append((entry, people, _rate(left, people), *active))
    weeks_since = tuple(f"week_{week}" for week in range(COHORT_WEEKS + 1))
    return Table("cohorts", ("entry", "people", "left_rate", *weeks_since), shown)


def converted(workspace: Workspace, *, days: int) -> Table:
    return _of_conversions(conversions.reached_in(workspace, days=days))


def engaged(workspace: Workspace, **_: int) -> Table:
    """How many people opened or clicked within 30 days, within 90, before, and never."""
    found = insights.engagement(workspace)
    everybody = sum(found.values())
    rows = [(name, people, _rate(people, everybody)) for name, people in found.items()]
    return Table("engagement", ("engaged", "people", "share"), rows)


def habits(workspace: Workspace, **_: int) -> Table:
    """At which hour, in UTC, the people of each time zone read most, with the hours around it."""
    rows = [
        (zone, best.hour, best.share.value, best.share.low, best.share.high, best.own)
        for zone, best in insights.habits(workspace)
    ]
    return Table("habits", ("time_zone", "hour", "share", "low", "high", "seen"), rows)


def subjects(workspace: Workspace, **_: int) -> Table:
    """How much more campaigns are clicked whose subject has something, with an interval."""
    rows = [
        (
            *(each.name, each.having, each.lacking),
            *(each.difference or (None, None, None)),
            "sure" if each.is_sure else "unsure" if each.difference else "too_few",
        )
        for each in insights.subjects(workspace)
    ]
    names = ("pattern", "having", "lacking", "difference", "low", "high", "said")
    return Table("subjects", names, rows)


def going_cold(workspace: Workspace, **_: int) -> Table:
    """Who used to read, and would hardly be silent for so long by chance. It names people."""
    rows = [
        (
            *(ids.encode(Subscriber.prefix, each.uid), each.last_at.date(), each.days),
            *(each.silent_days, each.chance),
        )
        for each in insights.going_cold(workspace)
    ]
    return Table(
        "going_cold", ("subscriber", "last_seen", "seen_days", "silent_days", "chance"), rows
    )


def of_steps(kind: str, source_id: int) -> Table:
    """Of one source by step and variant."""
    rollups = Rollup.objects.filter(source_kind=kind, source_id=source_id)
    grouped = rollups.values_list("step_key", "variant").annotate(**SUMS)
    names = (*_NUMBERS, "failed", "skipped", *_MONEY)
    found = [
        (step, variant, Numbers(*sums))
        for step, variant, *sums in grouped.order_by("step_key", "variant")
    ]
    rows = [(step, variant, *_picked(each, names)) for step, variant, each in found if each.sent]
    return Table("steps", ("step", "variant", *names), rows)


def of_links(kind: str, source_id: int) -> Table:
    names = (
        *("step", "variant", "template_version", "position", "url"),
        *("clicked", "clicks", "machine_clicks"),
    )
    tags = _tags(kind, source_id)
    found = (replace(link, url=tagged(link.url, tags)) for link in links.links(kind, source_id))
    return Table("links", names, [_picked(link, names) for link in found])


def of_providers(kind: str, source_id: int) -> Table:
    return _of_providers(providers(kind, source_id))


def of_reasons(kind: str, source_id: int) -> Table:
    return _of_reasons(providers(kind, source_id))


def of_delays(kind: str, source_id: int) -> Table:
    found = delays(kind, source_id)
    opened = sum(each.opened for each in found)
    rows = [(each.within, each.opened, _rate(each.opened, opened)) for each in found if opened]
    return Table("time_to_open", ("within", "opened", "share"), rows)


def of_clients(kind: str, source_id: int) -> Table:
    return _of_reading(kind, source_id, Breadth.CLIENT)


def of_devices(kind: str, source_id: int) -> Table:
    return _of_reading(kind, source_id, Breadth.DEVICE)


def of_conversions(kind: str, source_id: int) -> Table:
    return _of_conversions(conversions.reached(kind, source_id))


# What the API and the back office export, of a workspace in the last days, and of one source.
OF_WORKSPACE: dict[str, Callable[..., Table]] = {
    "days": by_day,
    "sources": sources,
    "providers": deliverability,
    "reasons": reasons,
    "growth": growth,
    "lists": churn,
    "cohorts": cohorts,
    "conversions": converted,
    "engagement": engaged,
    "habits": habits,
    "subjects": subjects,
}
OF_SOURCE: dict[str, Callable[[str, int], Table]] = {
    "steps": of_steps,
    "links": of_links,
    "time_to_open": of_delays,
    "clients": of_clients,
    "devices": of_devices,
    "providers": of_providers,
    "reasons": of_reasons,
    "conversions": of_conversions,
}
_JOINED = {
    "joined": Sum("count", filter=Q(kind=SUBSCRIPTION_CONFIRMED), default=0),
    "gone": Sum("count", filter=Q(kind=SUBSCRIPTION_UNSUBSCRIBED), default=0),
}


def _lists(workspace: Workspace, since: date) -> Any:
    of_lists = Share.objects.of(workspace).filter(source_kind="", source_id=0, by=Breadth.LIST)
    return of_lists.filter(day__gte=since)


def _window(days: int) -> list[date]:
    today = clock.now().date()
    return [today - timedelta(days=ago) for ago in reversed(range(days))]


def _of_providers(found: Iterable[Provider]) -> Table:
    rows = [(each.provider, *_picked(each, _PROVIDER)) for each in found]
    return Table("providers", ("provider", *_PROVIDER), rows)


def _of_reasons(found: Iterable[Provider]) -> Table:
    rows = [
        (each.provider, reason.what, reason.why, reason.count)
        for each in found
        for reason in each.reasons
    ]
    return Table("reasons", ("provider", "what", "why", "count"), rows)


def _of_reading(kind: str, source_id: int, by: Breadth) -> Table:
    """How many messages were first opened, and first clicked, with what; '' is not known."""
    own = Share.objects.filter(source_kind=kind, source_id=source_id, by=by)
    firsts = {
        "opened": Sum("first_count", filter=Q(kind=MESSAGE_OPENED), default=0),
        "clicked": Sum("first_count", filter=Q(kind=MESSAGE_CLICKED), default=0),
    }
    rows = own.values_list("value").annotate(**firsts)
    found = [*rows.order_by(F("opened").desc(), F("clicked").desc(), "value")]
    return Table(f"{by.value}s", (by.value, "opened", "clicked"), found)


def _of_conversions(found: Iterable[conversions.Reached]) -> Table:
    names = ("conversions", "converted", "revenue")
    rows = [
        (
            *(each.conversion.name, each.conversion.attribution, each.conversion.window_days),
            *_picked(each, names),
        )
        for each in found
    ]
    return Table("conversions", ("name", "attribution", "window_days", *names), rows)


def _picked(of: object, names: Iterable[str]) -> tuple[Any, ...]:
    return tuple(getattr(of, name) for name in names)


def _tags(kind: str, source_id: int) -> Tags:
    """What its links tell besides."""
    own = Source.objects.select_related("workspace").filter(kind=kind, source_id=source_id).first()
    if own is None:
        return NOTHING
    return tags_of(own.workspace.utm_source, own.workspace.utm_medium, own.name)


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None
