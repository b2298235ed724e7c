from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Endpoint
from accounts.authentication import ApiRequest
from analytics import exports, tables
from analytics.tables import Table
from emailseq.lib import clock
from emailseq.lib.api.fields import Strict

CSV = {(200, "text/csv"): OpenApiTypes.STR}


class ReportQuery(Strict):
    table = serializers.ChoiceField(sorted(tables.OF_WORKSPACE), default="days")
    days = serializers.IntegerField(default=30, min_value=1, max_value=366)


class EventsQuery(Strict):
    since = serializers.DateTimeField(
        required=False, help_text="From when on they were recorded; a day before, unless given."
    )
    until = serializers.DateTimeField(
        required=False, help_text="Before when: now, or 92 days later at most."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        until = attrs.get("until") or clock.now()
        return {"until": until, "since": attrs.get("since") or until - timedelta(days=1)}


class TableSerializer(serializers.Serializer[Any]):
    """Shares are fractions, money is in hundredths, days are in UTC."""

    table = serializers.CharField(source="key")
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True))
    )


class Reports(Endpoint):
    """The tables of the reports, and the events that they count."""

    serializer_class = TableSerializer
    permissions = {
        "table": "reports:read",
        "csv": "reports:read",
        "going_cold": "subscribers:read",
        "events": "subscribers:read",
    }

    @extend_schema(parameters=[ReportQuery])
    def table(self, request: ApiRequest) -> Response:
        """One table of what came of everything in the last days."""
        return _shown(self._table(request))

    def going_cold(self, request: ApiRequest) -> Response:
        """Who used to open or click, and would hardly be silent for so long by chance."""
        return _shown(tables.going_cold(request.workspace))

    @extend_schema(parameters=[ReportQuery], responses=CSV)
    def csv(self, request: ApiRequest) -> StreamingHttpResponse:
        """The same as CSV."""
        found = self._table(request)
        return _file(found.csv(), found.key)

    @extend_schema(parameters=[EventsQuery], responses=CSV)
    def events(self, request: ApiRequest) -> StreamingHttpResponse:
        """All events that were recorded in a time, as CSV, oldest first."""
        time = _read(EventsQuery, request)
        return _file(exports.raw_events(request.workspace, **time), "events")

    def _table(self, request: ApiRequest) -> Table:
        asked = _read(ReportQuery, request)
        return tables.OF_WORKSPACE[asked["table"]](request.workspace, days=asked["days"])


def _read(query: type[Strict], request: ApiRequest) -> Any:
    given = query(data=request.query_params)
    given.is_valid(raise_exception=True)
    return given.validated_data


def _shown(found: Table) -> Response:
    columns = [name for name in found.columns if name not in tables.INTERNAL]
    places = [found.columns.index(name) for name in columns]
    rows = [[row[place] for place in places] for row in found.rows]
    return Response({"table": found.key, "columns": columns, "rows": rows})


def _file(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer
