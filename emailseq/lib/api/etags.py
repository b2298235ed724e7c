"""Entity tags of configuration: `"r<revision>"`, so that nobody overwrites what they have not read.

RFC 9110 §13: a change without If-Match is refused (428), and one that read an older revision (412).
"""

from __future__ import annotations

from typing import Protocol

from rest_framework.request import Request

from emailseq.lib.api.problems import Refused


class Revised(Protocol):
    """A row that counts its changes."""

    revision: int


def etag(row: Revised) -> str:
    return f'"r{row.revision}"'


def expected(request: Request, row: Revised) -> int:
    """The revision that the request's If-Match says its reader knows, for the verb to insist on.

    Raises Refused: without If-Match, and unless it names the row's revision or any (`*`).
    """
    header = request.headers.get("If-Match")
    if header is None:
        raise Refused("precondition_required", "Send the ETag you have read as If-Match.")
    if not {"*", etag(row)} & {tag.strip() for tag in header.split(",")}:
        raise Refused("stale", "It has changed since you read it.", current_etag=etag(row))
    return row.revision
