"""The steps of a sequence as its page shows them, each with what has come of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics.results import Results
from emailseq.backoffice.columns import percent
from emailseq.lib.stats import Interval
from sequences.admin.words import ICONS, Speaker
from sequences.draft import Node
from sequences.models import Step, StepVariant
from sequences.program import GOAL
from sequences.results import Report, StepReport
from sequences.services.trials import Standing
from sequences.states import LAST_ARM, StepKind

NOTHING = StepReport("", 0, Results(), {})


@dataclass(frozen=True)
class VariantLine:
    """A variant of an email: its share now, what has come of it, and whether it can be chosen."""

    variant: StepVariant
    share: str
    results: Results
    is_winner: bool
    is_live: bool


@dataclass(frozen=True)
class Way:
    """An arm as the page shows it; `at` says to the forms where its steps stand."""

    key: str
    name: str
    words: str
    is_reserved: bool
    row: Sequence[Card]
    at: str

    @property
    def title(self) -> str:
        """What it is called without a name."""
        return self.words if self.is_reserved else self.key


@dataclass(frozen=True)
class Card:
    """A step as the page shows it; `trial` says how its variants stand, if they are on trial."""

    step: Step
    number: str
    words: str
    icon: str
    numbers: Results
    waiting: int
    variants: Sequence[VariantLine]
    trial: str
    ways: Sequence[Way]
    has_arms: bool


class Deck:
    """Makes the cards of a sequence of what is known of it."""

    def __init__(self, speaker: Speaker, report: Report, standings: Iterable[Standing]) -> None:
        self.speaker = speaker
        self.steps = {step.key: step for step in report.steps}
        self.standings = {standing.step.key: standing for standing in standings}

    def row(self, nodes: Iterable[Node]) -> list[Card]:
        return [self._card(node) for node in nodes]

    def _card(self, node: Node) -> Card:
        found = self.steps.get(node.step.key, NOTHING)
        standing = self.standings.get(node.step.key)
        return Card(
            node.step,
            node.label.rpartition("› ")[2],
            self.speaker.step(node.step),
            ICONS[StepKind(node.step.kind)],
            found.total,
            found.waiting,
            _lines(node.step, found.variants, standing),
            _trial(standing) if standing else "",
            [
                Way(
                    arm.key,
                    arm.settings["name"],
                    self.speaker.arm(node, arm),
                    arm.key == LAST_ARM[node.step.kind],
                    self.row(arm.nodes),
                    f"{node.step.key}/{arm.key}",
                )
                for arm in node.arms
            ],
            node.step.kind in LAST_ARM,
        )


def _lines(
    step: Step, found: Mapping[str, Results], standing: Standing | None
) -> list[VariantLine]:
    variants = [*step.variants.all()]
    whole = sum(each.weight for each in variants)
    shares = standing.weights if standing else {}
    winner = standing.trial.winner if standing and standing.trial else ""
    return [
        VariantLine(
            each,
            _share(shares[each.key]) if each.key in shares else percent(each.weight, whole),
            found.get(each.key, Results()),
            each.key == winner,
            each.key in shares,
        )
        for each in variants
    ]


def _share(share: float) -> str:
    return percent(round(share * 1000), 1000)


def _trial(standing: Standing) -> str:
    """How a trial stands, in a sentence; nothing if the shares simply stay."""
    trial = standing.trial
    if trial and trial.winner:
        return _("“%(winner)s” is sent to all others since %(day)s.") % {
            "winner": trial.winner,
            "day": f"{trial.decided_at:%Y-%m-%d}",
        }
    if not standing.step.metric:
        return ""
    said = _("On trial by goals.") if standing.step.metric == GOAL else _("On trial by clicks.")
    least = min((count.trials for count in standing.counts.values()), default=0)
    why = _("Not enough data.") if least < standing.step.minimum else _("No clear winner yet.")
    return f"{said} {why}"


def holdout_words(report: Report) -> str:
    """What those who are held out say about a sequence, in sentences."""
    runs = report.all_runs
    told = _(
        "%(goal)s of %(runs)d runs reached a goal within 30 days, and %(held_goal)s of %(held)d"
        " people who were held out."
    ) % {
        "goal": percent(runs.compared_goal, runs.compared),
        "runs": runs.compared,
        "held_goal": percent(runs.held_out_goal, runs.held_out),
        "held": runs.held_out,
    }
    return f"{told} {_lift(report.lift)}"


def _lift(lift: Interval | None) -> str:
    if lift is None:
        return _("Not enough data to say what the sequence does.")
    shown = {name: f"{100 * value:+.0f}" for name, value in lift._asdict().items()}
    return _("Lift: %(value)s %%, and with 95 %% certainty between %(low)s %% and %(high)s %%.") % (
        shown
    )
