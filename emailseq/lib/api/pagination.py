"""Pages by key, never by offset: `?limit=50&cursor=…`; no totals, however large the table.

A cursor is signed and carries where it was made, the filters and the sort; so the pages of one
walk belong together, and what a later request leaves out cannot widen it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from rest_framework.pagination import BasePagination
from rest_framework.response import Response

from emailseq.lib import signing
from emailseq.lib.api.problems import Refused
from emailseq.lib.errors import Invalid

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
MOST_COUNTED = 10_000
NEWEST_FIRST = "-pk"


class Place(NamedTuple):
    """What a cursor says: the collection (workspace, path), its filters and sort, the last key."""

    collection: list[Any]
    filters: dict[str, str]
    sort: str
    after: Any


class KeysetPagination(BasePagination):
    """Newest first, unless the view's filters leave the rows ordered by another unique column."""

    next_cursor: str | None = None
    count: int | None = None  # of all that the filters leave, when that was asked for

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        """One page of what `view.narrow` leaves. Raises Refused for a cursor made elsewhere."""
        filters = request.query_params.dict()
        limit = _limit(filters.pop("limit", str(DEFAULT_LIMIT)))
        filters.pop("select", None)
        included = filters.pop("include", None)
        if included not in (None, "count"):
            raise Invalid.field("include", "invalid_choice", "Only `count` can be included.")
        collection = [request.workspace.pk, request.path]
        place = None
        if cursor := filters.pop("cursor", None):
            place = _read(cursor, collection)
            if filters and filters != place.filters:
                raise Refused("cursor_invalid", "The cursor belongs to other filters.")
            filters = place.filters
        rows = view.narrow(queryset, filters)
        sort = rows.query.order_by[0] if rows.query.order_by else NEWEST_FIRST
        if included:
            self.count = rows[: MOST_COUNTED + 1].count()
        if place:
            rows = rows.filter(**_beyond(place, sort))
        page = list(rows.order_by(sort)[: limit + 1])
        if len(page) > limit:
            last = getattr(page[limit - 1], sort.removeprefix("-"))
            self.next_cursor = _write(Place(collection, filters, sort, last))
        return page[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        answer = {"data": data, "next_cursor": self.next_cursor}
        if self.count is not None:
            answer["count"] = min(self.count, MOST_COUNTED)
            answer["count_capped"] = self.count > MOST_COUNTED
        return Response(answer)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {"type": ["string", "null"], "description": "Pass it as `cursor`; null: the end."}
        return {
            "type": "object",
            "required": ["data", "next_cursor"],
            "properties": {
                "data": schema,
                "next_cursor": cursor,
                "count": {"type": "integer", "maximum": MOST_COUNTED},
                "count_capped": {"type": "boolean", "description": "Whether there are more."},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "schema": size, "description": "Items per page."},
            {
                "name": "cursor",
                "in": "query",
                "schema": {"type": "string"},
                "description": "`next_cursor` of the page before; it brings that page's filters.",
            },
            {
                "name": "include",
                "in": "query",
                "schema": {"type": "string", "enum": ["count"]},
                "description": f"How many the filters leave, up to {MOST_COUNTED}.",
            },
        ]


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:5]) <= MAX_LIMIT:
        return int(text)
    raise Invalid.field("limit", "invalid", f"From 1 to {MAX_LIMIT}.")


def _beyond(place: Place, sort: str) -> dict[str, Any]:
    if place.sort != sort:
        raise Refused("cursor_invalid", "The cursor belongs to another sort.")
    direction = "lt" if sort.startswith("-") else "gt"
    return {f"{sort.removeprefix('-')}__{direction}": place.after}


def _write(place: Place) -> str:
    return signing.sign("k", json.dumps(place).encode())


def _read(cursor: str, collection: list[Any]) -> Place:
    try:
        place = Place._make(json.loads(signing.read("k", cursor)))
    except signing.BadToken as error:
        raise Refused("cursor_invalid", "It was not made here, or was changed.") from error
    if place.collection != collection:
        raise Refused("cursor_invalid", "The cursor belongs to another collection.")
    return place
