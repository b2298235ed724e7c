from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from emailseq.lib import stats
from emailseq.lib.api.fields import Strict
from sequences.api.stats import IntervalSerializer
from sequences.models import Sequence
from sequences.services import trials
from sequences.services.trials import Standing


class TriedSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    share = serializers.FloatField(help_text="Of whoever comes now and has had no other.")
    sent = serializers.IntegerField()
    hits = serializers.IntegerField(help_text="Messages that did what the metric says.")
    rate = IntervalSerializer()


class TrialSerializer(serializers.Serializer[Any]):
    step = serializers.CharField(help_text="The id of the email.")
    metric = serializers.CharField(help_text="click or goal; empty: the shares stay.")
    minimum = serializers.IntegerField(help_text="How often each is tried before one can win.")
    winner = serializers.CharField(help_text="A key; empty: not enough data, or no difference.")
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField()
    counted_at = serializers.DateTimeField(
        allow_null=True, help_text="When the shares were last made of the numbers."
    )
    variants = TriedSerializer(many=True)


class TrialsSerializer(serializers.Serializer[Any]):
    data = TrialSerializer(many=True)  # type: ignore[assignment]


class Choose(Strict):
    variant = serializers.CharField(max_length=20)


class Trials(Resource):
    """The variants of emails in the live version, and how they do against each other."""

    queryset = Sequence.objects.select_related("workspace", "live_version")
    serializer_class = TrialsSerializer
    pagination_class = None
    inputs = {"choose": Choose}
    permissions = {
        "list": "reports:read",
        "choose": "sequences:publish",
        "restart": "sequences:publish",
    }

    def list(self, request: ApiRequest, **_: Any) -> Response:
        """Every email that has variants, in order."""
        return self._shown(self.get_object())

    @extend_schema(responses=TrialsSerializer)
    def choose(self, request: ApiRequest, **_: Any) -> Response:
        """Send this variant from now on to all who have not had another."""
        return self._done(trials.choose)

    @extend_schema(responses=TrialsSerializer)
    def restart(self, request: ApiRequest, **_: Any) -> Response:
        """Let the trial begin anew: no winner, and only what happens from now on counts."""
        return self._done(trials.restart)

    def _done(self, verb: Callable[..., Any]) -> Response:
        sequence, step = self.get_object(), self.kwargs["step"]
        if step not in {standing.step.key for standing in trials.standings(sequence)}:
            raise Http404
        verb(sequence, step=step, by=self.request.actor, **self.body())
        return self._shown(sequence)

    def _shown(self, sequence: Sequence) -> Response:
        told = [_told(standing) for standing in trials.standings(sequence)]
        return Response(TrialsSerializer({"data": told}).data)


def _told(standing: Standing) -> dict[str, Any]:
    step, trial, shares = standing.step, standing.trial, standing.weights
    return {
        "step": step.key,
        "metric": step.metric,
        "minimum": step.minimum,
        "winner": trial.winner if trial else "",
        "decided_at": trial.decided_at if trial else None,
        "decided_by": trial.decided_by if trial else "",
        "counted_at": trial.counted_at if trial else None,
        "variants": [
            {
                "key": key,
                "share": shares[key],
                "sent": count.trials,
                "hits": count.hits,
                "rate": stats.proportion(count)._asdict(),
            }
            for key, count in standing.counts.items()
        ],
    }
