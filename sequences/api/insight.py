from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest, require
from delivery.api.explanations import Explained
from delivery.states import SourceKind
from sequences import dry_run, outlook, why
from sequences.models import Enrollment, Sequence
from subscribers.models import Subscriber

ASSUMES = "Whoever is inside opens, clicks, orders and leaves nothing; nobody new joins."


class LogEntry(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="E.g. enrollment.step or message.sent.")
    at = serializers.DateTimeField()
    step = serializers.CharField(help_text="Its id; empty for the beginning and the end.")
    arm = serializers.CharField(help_text="The arm that was taken, of a block.")
    variant = serializers.CharField()
    verdict = serializers.CharField(help_text="Of opens and clicks: human or machine.")
    why = serializers.CharField(help_text="The reason, or what was odd.")


class LogSerializer(serializers.Serializer[Any]):
    data = LogEntry(many=True)  # type: ignore[assignment]


class RunLogs(Resource):
    """What happened in a person's way through a sequence."""

    queryset = Enrollment.objects.select_related("sequence")
    serializer_class = LogSerializer
    permissions = {"log": "sequences:read"}

    def log(self, request: ApiRequest, **_: Any) -> Response:
        """Every step that was come to, the arms taken, and what became of each message."""
        return Response(LogSerializer({"data": why.log(self.get_object())}).data)


class UpcomingMessage(serializers.Serializer[Any]):
    enrollment = serializers.CharField()
    sequence = serializers.CharField()
    step = serializers.CharField()
    number = serializers.CharField(help_text="As a person reads it: 2, or 2 › VIPs › 1.")
    at = serializers.DateTimeField()
    local = serializers.DateTimeField(help_text="The same on the clock of the person.")
    template = serializers.CharField()
    subject = serializers.CharField()
    unless = serializers.ListField(
        child=serializers.CharField(), help_text="Goals and exits that would come before it."
    )


class UpcomingSerializer(serializers.Serializer[Any]):
    data = UpcomingMessage(many=True)  # type: ignore[assignment]


class Outlooks(Resource):
    """What a person is going to get from sequences."""

    queryset = Subscriber.objects.select_related("workspace")
    serializer_class = UpcomingSerializer
    permissions = {"upcoming": "subscribers:read"}

    def upcoming(self, request: ApiRequest, **_: Any) -> Response:
        """The messages of the next 30 days: a prediction, if they do nothing but get their mail."""
        person = self.get_object()
        require(request, "sequences:read")
        found = [_told(run, entry) for run, entry in outlook.upcoming(person)]
        return Response(UpcomingSerializer({"data": found}).data)


class Explanations(Explained):
    """Why people did, or did not, get something of a sequence."""

    queryset = Sequence.objects.select_related("workspace", "list", "live_version")
    permissions = {"explain": "subscribers:read"}

    @extend_schema(parameters=[OpenApiParameter("step", str, description="The id of a step.")])
    def explain(self, request: ApiRequest, **_: Any) -> Response:
        """Every gate between a person and a sequence, or a step of it, and its answer as of now."""
        person, sequence = self.person(), self.get_object()
        require(request, "sequences:read")
        gates = why.gates(person, sequence, step_key=request.query_params.get("step", ""))
        return self.explained(person, gates, SourceKind.SEQUENCE, sequence.pk)


def _told(run: Enrollment, entry: Any) -> dict[str, Any]:
    script = dry_run.of_version(run.version_id)
    [line] = dry_run.in_words([entry], script, run.sequence.workspace)
    return {
        "enrollment": run.public_id,
        "sequence": run.sequence.public_id,
        "step": entry.step_key,
        "number": line.number,
        "at": entry.at,
        "local": entry.local.isoformat(),
        "template": line.template,
        "subject": line.subject,
        "unless": [ending.name for ending in run.sequence.endings.all()],
    }


class ForecastDay(serializers.Serializer[Any]):
    date = serializers.DateField()
    messages = serializers.IntegerField()


class ForecastSerializer(serializers.Serializer[Any]):
    days = ForecastDay(many=True, help_text="On the calendar of the workspace, from today on.")
    runs = serializers.IntegerField(help_text="People inside, in runs that nobody has paused.")
    sampled = serializers.IntegerField(help_text="How many of them were simulated.")
    arriving = serializers.IntegerField(help_text="People whom a backfill lets in by then.")
    sampled_arriving = serializers.IntegerField()
    assumes = serializers.CharField()


class Forecasts(Resource):
    """How much mail a sequence is going to send."""

    queryset = Sequence.objects.select_related("workspace", "list", "live_version")
    serializer_class = ForecastSerializer
    permissions = {"forecast": "reports:read"}

    def forecast(self, request: ApiRequest, **_: Any) -> Response:
        """Messages per day for 30 days: each person inside, simulated from where they stand."""
        found = outlook.forecast(self.get_object())
        days = [{"date": day, "messages": count} for day, count in found.by_day.items()]
        shown = {name: getattr(found, name) for name in ("runs", "sampled", "arriving")}
        answer = {"days": days, "sampled_arriving": found.sampled_arriving, "assumes": ASSUMES}
        return Response(ForecastSerializer({**shown, **answer}).data)
