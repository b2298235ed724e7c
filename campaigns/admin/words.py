"""What the page of a campaign says in sentences: its test, and when it leaves where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns import audience, judging, timing, trials, variants
from campaigns.judging import STANDINGS
from campaigns.models import Campaign
from campaigns.states import Metric
from emailseq.lib import localtime
from emailseq.lib.stats import Amounts, Interval


@dataclass(frozen=True)
class VariantRow:
    """One line of the table of a test."""

    letter: str
    said: str
    sent: int
    value: str
    between: str
    won: bool


@dataclass(frozen=True)
class ZoneRow:
    """When the people of one time zone get it: on their clock, the workspace's, and in UTC."""

    zone: str
    local: str
    here: str
    utc: str
    people: int


def trial_table(campaign: Campaign) -> dict[str, Any] | None:
    """How the test of a campaign is made and stands; None if it has none."""
    stands = judging.standing(campaign)
    if stands is None:
        return None
    trial, meant = stands.trial, variants.described(campaign)
    told = _("%(percent)d %% of the audience are tried, for %(minutes)d minutes.") % {
        "percent": trial.sample_percent,
        "minutes": trial.wait_minutes,
    }
    rows = [
        VariantRow(
            key.upper(),
            f"{meant[key].subject} · {meant[key].template} · {meant[key].sender.name}",
            tally.trials,
            _value(trial.metric, trials.interval(trial.metric, tally), tally),
            _between(trial.metric, trials.interval(trial.metric, tally)) if tally.trials else "–",
            key == trial.winner,
        )
        for key, tally in stands.tallies.items()
    ]
    standing = str(STANDINGS[stands.state])
    if trial.winner and trial.decided_by:
        standing = _("%(who)s has decided.") % {"who": trial.decided_by}
    return {"sentence": f"{told} {standing}", "metric": trial.get_metric_display(), "rows": rows}


def zones(campaign: Campaign, at: datetime) -> list[ZoneRow]:
    """When people get what is sent on everybody's own clock, by their time zone, first to last."""
    own, _known = localtime.zone_or(campaign.workspace.time_zone, localtime.UTC_ZONE)
    people = Counter[ZoneInfo]()
    by_name = audience.places(campaign).order_by().values_list("subscriber__time_zone")
    for name, count in by_name.annotate(Count("id")):
        people[localtime.zone_or(name, own)[0]] += count
    found = [
        (timing.leaves_at(at, zone=own, theirs=zone, spread=timedelta(), person=0), zone, count)
        for zone, count in people.items()
    ]
    return [
        ZoneRow(
            str(zone),
            local=_shown(when, zone),
            here=_shown(when, own),
            utc=_shown(when, localtime.UTC_ZONE),
            people=count,
        )
        for when, zone, count in sorted(found, key=lambda row: (row[0], str(row[1])))
    ]


def local_span(campaign: Campaign) -> tuple[ZoneRow, ZoneRow] | None:
    """Where the first and the last get it, and when; None: all at once."""
    if campaign.scheduled_at is None or not campaign.local_time:
        return None
    rows = zones(campaign, campaign.scheduled_at)
    return (rows[0], rows[-1]) if rows else None


def _shown(when: datetime, zone: ZoneInfo) -> str:
    return date_format(when.astimezone(zone), "D j M, H:i")


def _value(metric: str, interval: Interval | None, tally: Amounts) -> str:
    if not tally.trials or interval is None:
        return "–"
    return f"{interval.value:.2f}" if metric == Metric.REVENUE else f"{100 * interval.value:.1f} %"


def _between(metric: str, interval: Interval | None) -> str:
    if interval is None:
        return _("too little to tell")
    if metric == Metric.REVENUE:
        return f"{interval.low:.2f} – {interval.high:.2f}"
    return f"{100 * interval.low:.1f} – {100 * interval.high:.1f} %"
