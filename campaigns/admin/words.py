"""What the page of a campaign says in sentences: its test, and when it leaves where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

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
            _between(trial.metric, trials.interval(trial.metric, tally)),
            key == trial.winner,
        )
        for key, tally in stands.tallies.items()
    ]
    standing = str(STANDINGS[stands.state])
    if trial.winner and trial.decided_by:
        standing = _("%(who)s has decided.") % {"who": trial.decided_by}
    return {"sentence": f"{told} {standing}", "metric": trial.get_metric_display(), "rows": rows}


def local_span(campaign: Campaign) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """When the first and the last get it, and in which zone these are; None: all at once."""
    at = campaign.scheduled_at
    if at is None or not campaign.local_time:
        return None
    own, _known = localtime.zone_or(campaign.workspace.time_zone, localtime.UTC_ZONE)
    zones = audience.places(campaign).order_by().values_list("subscriber__time_zone").distinct()
    times = []
    for (name,) in zones:
        theirs, known = localtime.zone_or(name, own)
        when = timing.leaves_at(at, zone=own, theirs=theirs, spread=timedelta(), person=0)
        times.append((when, name if known and name else str(own)))
    if not times:
        return None
    (first, east), (last, west) = min(times), max(times)
    shown = [date_format(when.astimezone(own), "D j M, H:i") for when in (first, last)]
    return (shown[0], east), (shown[1], west)


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
