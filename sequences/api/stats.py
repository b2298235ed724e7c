from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from analytics.api import FinerNumbersSerializer, NumbersSerializer, finer
from analytics.results import Results
from delivery.states import SourceKind
from emailseq.lib.api.fields import Strict
from emailseq.lib.errors import Invalid
from sequences.api.durations import Duration
from sequences.models import Sequence, SequenceVersion
from sequences.models.sequence import GOAL_WINDOW
from sequences.results import Report, report
from subscribers.segments import comparisons

WITHIN = f"A goal counts once for a run, within {GOAL_WINDOW.days} days of its start."


class StatsFilters(Strict):
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Of this version alone."
    )
    period = Duration(required=False, help_text="Of the last whole hours in this time, e.g. P7D.")


class IntervalSerializer(serializers.Serializer[Any]):
    """An estimate, and between which values the truth lies, 95 times of 100."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class VariantStatsSerializer(NumbersSerializer):
    key = serializers.CharField()
    goal = serializers.IntegerField(help_text="Messages after which a goal was reached.")


class StepStatsSerializer(NumbersSerializer):
    id = serializers.CharField()
    waiting = serializers.IntegerField(help_text="People who stand at this step now.")
    reached = serializers.IntegerField(help_text="Runs that have come to it.")
    goal = serializers.IntegerField(help_text="Messages after which a goal was reached.")
    left = serializers.IntegerField(help_text="Runs that ended here, early or by a fault.")
    variants = VariantStatsSerializer(many=True)


class HoldoutSerializer(serializers.Serializer[Any]):
    """Of all versions at all times: those who ran since some are held out, and those who are."""

    percent = serializers.IntegerField()
    within = serializers.CharField(help_text=WITHIN)
    compared = serializers.IntegerField(help_text="Runs.")
    compared_goal = serializers.IntegerField(help_text="Those of them that reached a goal.")
    held_out = serializers.IntegerField(help_text="Runs that would have begun.")
    held_out_goal = serializers.IntegerField(help_text="Those of them that reached a goal.")
    lift = IntervalSerializer(
        allow_null=True, help_text="0.5: half as many again reach a goal. Null: it cannot be said."
    )


class SequenceStatsSerializer(FinerNumbersSerializer, NumbersSerializer):
    started = serializers.IntegerField(help_text="Runs that began.")
    completed = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Runs that ended early or by a fault; not by a goal.")
    goal = serializers.IntegerField(help_text=WITHIN)
    holdout = HoldoutSerializer()
    steps = StepStatsSerializer(many=True)


def told(sequence: Sequence, query: Mapping[str, str]) -> dict[str, Any]:
    """The numbers of a sequence, as a query asks for them. Raises Invalid, ValidationError."""
    given = StatsFilters(data=query)
    given.is_valid(raise_exception=True)
    number, period = (given.validated_data.get(name) for name in ("version", "period"))
    version = _version(sequence, number) if number else None
    found = report(sequence, version=version, period=period)
    names = ("started", "completed", "left", "goal")
    return {
        **asdict(found.total),
        **{name: getattr(found.runs, name) for name in names},
        **finer(SourceKind.SEQUENCE, sequence.pk),
        "holdout": _holdout(sequence, found),
        "steps": [
            {
                "id": step.key,
                "waiting": step.waiting,
                **asdict(step.total),
                "variants": [_variant(key, each) for key, each in step.variants.items()],
            }
            for step in found.steps
        ],
    }


def _version(sequence: Sequence, number: int) -> SequenceVersion:
    found = sequence.versions.filter(number=number).first()
    if found is None:
        raise Invalid.field("version", "not_found", f"There is no version {number}.")
    return found


def _variant(key: str, results: Results) -> dict[str, Any]:
    return {"key": key, **asdict(results)}


def _holdout(sequence: Sequence, found: Report) -> dict[str, Any]:
    names = ("compared", "compared_goal", "held_out", "held_out_goal")
    return {
        "percent": sequence.holdout_percent,
        "within": comparisons.written(GOAL_WINDOW),
        **{name: getattr(found.all_runs, name) for name in names},
        "lift": found.lift._asdict() if found.lift else None,
    }
