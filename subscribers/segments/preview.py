"""A rule before it is saved: how many it matches, some of them, and what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled
from psycopg.sql import SQL

from accounts.models import Workspace
from emailseq.lib import clock
from emailseq.lib.errors import Problem
from subscribers.models import Subscriber
from subscribers.segments import references, rules
from subscribers.segments.compile import Statement, everybody, matching
from subscribers.segments.explain import explain
from subscribers.segments.rules import Rule

PATIENCE = 2000  # milliseconds for an exact count
SAMPLE = 5
NEWEST = 2000  # among whom a sample is looked for when counting takes too long


@dataclass(frozen=True)
class Preview:
    """`count` is the planner's estimate where counting took too long: `is_estimate`."""

    rule: dict[str, Any]
    sentence: str
    count: int
    is_estimate: bool
    people: Sequence[Subscriber]
    warnings: Sequence[Problem]


def preview(data: Any, workspace: Workspace) -> Preview:
    """What a rule comes to. Raises Invalid as `references.resolve` does, at `/rule`."""
    rule = references.resolve(data, workspace, at="/rule")
    statement = everybody(rule, workspace, now=clock.now())
    counted = _count(statement)
    count, ids = counted or (_estimate(statement), _among_the_newest(rule, workspace))
    return Preview(
        rule=rules.dump(rule),
        sentence=explain(rule, workspace),
        count=count,
        is_estimate=counted is None,
        people=list(Subscriber.objects.filter(pk__in=ids).order_by("-pk")),
        warnings=references.warnings(rule, workspace, at="/rule"),
    )


def matches_nobody(rule: Rule, workspace: Workspace) -> bool:
    """Whether a rule holds for nobody as of now; False when that takes too long to say."""
    counted = _count(everybody(rule, workspace, now=clock.now()))
    return counted is not None and counted[0] == 0


def _count(statement: Statement) -> tuple[int, list[int]] | None:
    """How many match, and the ids of some; None when it takes too long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [PATIENCE])
            cursor.execute(COUNT.format(statement.sql), statement.parameters | {"some": SAMPLE})
            rows = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise
    return (rows[0][1], [pk for pk, _ in rows]) if rows else (0, [])


def _estimate(statement: Statement) -> int:
    with connection.cursor() as cursor:
        cursor.execute(SQL("EXPLAIN (FORMAT JSON) {}").format(statement.sql), statement.parameters)
        (found,) = cursor.fetchone()
    plan = json.loads(found) if isinstance(found, str) else found
    return int(plan[0]["Plan"]["Plan Rows"])


def _among_the_newest(rule: Rule, workspace: Workspace) -> list[int]:
    newest = Subscriber.objects.of(workspace).order_by("-pk").values_list("pk", flat=True)[:NEWEST]
    return sorted(matching(rule, workspace, list(newest), now=clock.now()), reverse=True)[:SAMPLE]


COUNT = SQL("SELECT id, count(*) OVER () FROM ({}) AS matched LIMIT %(some)s")
