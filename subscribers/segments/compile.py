"""Rules as SQL, for any number of people at once; what they mean is said in `evaluate.py`.

One shape for a batch of people and for a whole workspace: people, beside them at most one row of
each tag, place and segment that the rules name, and one row of counts, made by a single pass over
the event log however many conditions look at it.

    SELECT subscriber.id FROM subscribers_subscriber AS subscriber
      LEFT JOIN subscribers_tagassignment AS tag_1 ON …
      LEFT JOIN (SELECT event.subscriber_id, count(*) FILTER (WHERE …) …) AS happened ON …
     WHERE …

A condition that is NULL does not match; `none` groups and opposites say IS NOT TRUE.
Every fragment is literal SQL of this file, chosen by the kind of condition and the operator. What
people wrote is bound as a parameter: names of fields, events and properties too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import connection
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from accounts.models import Workspace
from subscribers.models import Subscriber
from subscribers.segments import operators, references
from subscribers.segments.counting import Counting
from subscribers.segments.evaluate import today
from subscribers.segments.operators import Value
from subscribers.segments.references import Found
from subscribers.segments.rules import (
    Field,
    Group,
    Happened,
    InSegment,
    Listed,
    Rule,
    Tagged,
    conditions,
)

FEW = 5000  # people whose events are found sooner by their index than by reading the log

# A person's own columns that are text; `created_at` is the one instant, all others are custom.
COLUMNS = {
    "email": SQL("subscriber.email"),
    "first_name": SQL("subscriber.first_name"),
    "last_name": SQL("subscriber.last_name"),
    "time_zone": SQL("subscriber.time_zone"),
}
JOINS = {
    "tag": SQL(
        "LEFT JOIN subscribers_tagassignment AS {alias} "
        "ON {alias}.subscriber_id = subscriber.id AND {alias}.tag_id = {pk}"
    ),
    "list": SQL(
        "LEFT JOIN subscribers_subscription AS {alias} "
        "ON {alias}.subscriber_id = subscriber.id AND {alias}.list_id = {pk}"
    ),
    "segment": SQL(
        "LEFT JOIN subscribers_segmentmember AS {alias} "
        "ON {alias}.subscriber_id = subscriber.id AND {alias}.segment_id = {pk}"
    ),
}


ENGAGEMENT = SQL(
    "LEFT JOIN subscribers_engagement AS engagement ON engagement.subscriber_id = subscriber.id"
)
SCORE = SQL("subscribers_engagement_score(engagement.points, engagement.as_of, {})::numeric")


class Statement(NamedTuple):
    """SQL and its parameters, all of them called `rule_…`: it may stand inside other SQL."""

    sql: Composable
    parameters: dict[str, Any]

    def rows(self) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def everybody(rule: Rule, workspace: Workspace, *, now: datetime) -> Statement:
    """Selects the `id` of everybody in the workspace whom the rule matches."""
    found, few = references.find([rule], workspace), _few(rule, workspace)
    return _matched(rule, _Compiler(workspace, found, now, few))


def among(rule: Rule, workspace: Workspace, ids: Collection[int], *, now: datetime) -> Statement:
    """The same of these people of the workspace, by id."""
    return _matched(rule, _Compiler(workspace, references.find([rule], workspace), now, ids))


def matching(rule: Rule, workspace: Workspace, ids: Collection[int], *, now: datetime) -> set[int]:
    """Whom of these people, by id, the rule matches."""
    return {pk for (pk,) in among(rule, workspace, ids, now=now).rows()}


def answers(
    rules: Sequence[Rule], workspace: Workspace, ids: Collection[int], *, now: datetime
) -> list[set[int]]:
    """`matching` of each of the rules, in their order, by one statement for all of them."""
    if not rules:
        return []
    compiler = _Compiler(workspace, references.find(rules, workspace), now, ids)
    held = [SQL("({}) IS TRUE").format(compiler.condition(rule)) for rule in rules]
    columns = SQL(", ").join([SQL("subscriber.id"), *held])
    rows = compiler.select(columns, where=SQL("TRUE")).rows()
    return [{row[0] for row in rows if row[place]} for place in range(1, len(rules) + 1)]


class _Compiler:
    """Turns rules into conditions, and remembers what these need beside a person's own row."""

    def __init__(
        self,
        workspace: Workspace,
        found: Found,
        now: datetime,
        ids: Collection[int] | None = None,
    ) -> None:
        self._found, self._now = found, now
        self._compare = partial(
            operators.compare,
            bind=self._bind,
            today=today(now, workspace.time_zone),
            zone=workspace.time_zone,
        )
        self._parameters: dict[str, Any] = {}
        self._joins: dict[tuple[str, int], Composable] = {}
        self._counting = Counting(found, now, self._bind, self._compare)
        self._workspace = self._bind(workspace.pk)
        self._ids = None if ids is None else self._bind(list(ids))

    def select(self, columns: Composable, *, where: Composable) -> Statement:
        """The statement, once every condition is made."""
        statement = SQL(
            "SELECT {columns} FROM subscribers_subscriber AS subscriber {joins} {counts} "
            "WHERE {scope} AND subscriber.archived_at IS NULL AND ({where})"
        ).format(
            columns=columns,
            joins=SQL(" ").join(list(self._joins.values())),
            counts=self._counting.join(self._scope),
            scope=self._scope(SQL("subscriber"), SQL("id")),
            where=where,
        )
        return Statement(statement, self._parameters)

    def condition(self, rule: Rule) -> Composable:
        """SQL that is TRUE for whom the rule matches, and FALSE or NULL for all others."""
        match rule:
            case Group(kind, rules):
                return _group(kind, [self.condition(one) for one in rules])
            case Field(name, comparison):
                value = self._field(name)
                return self._compare(comparison, value)
            case Tagged(tag, has):
                return _present(self._join("tag", tag), has)
            case InSegment(segment):
                return _present(self._join("segment", segment), True)
            case Listed(ref, op):
                return self._listed(self._join("list", ref), op)
        return self._counting.condition(rule)

    def _bind(self, value: Any) -> Composable:
        name = f"rule_{len(self._parameters)}"
        self._parameters[name] = value
        return Placeholder(name)

    def _scope(self, table: Composable, person: Composable) -> Composable:
        own = SQL("{}.workspace_id = {}").format(table, self._workspace)
        if self._ids is None:
            return own
        return SQL("{} AND {}.{} = ANY({})").format(own, table, person, self._ids)

    def _field(self, name: str) -> Value:
        if name in COLUMNS:
            return operators.text_column(COLUMNS[name])
        if name == "engagement":
            self._joins["engagement", 0] = ENGAGEMENT
            score = SCORE.format(self._bind(self._now))
            return Value(given=SQL("({}::text)").format(score), number=score)
        if name == "created_at":
            return operators.instant_column(SQL("subscriber.created_at"))
        return operators.json_member(SQL("subscriber.fields"), self._bind(name))

    def _join(self, noun: str, ref: str) -> Composable | None:
        """What a person's one row of a thing is called; None where there is no such thing."""
        found = self._found.get((noun, ref))
        if found is None:
            return None
        alias = Identifier(f"{noun}_{found.pk}")
        self._joins[noun, found.pk] = JOINS[noun].format(alias=alias, pk=self._bind(found.pk))
        return alias

    def _listed(self, place: Composable | None, op: str) -> Composable:
        if place is None or op == "never":
            return _present(place, op not in ("never", "not_confirmed"))
        if op == "not_confirmed":
            return SQL("{}.state IS DISTINCT FROM 'confirmed'").format(place)
        return SQL("{}.state = {}").format(place, self._bind(op))


def _few(rule: Rule, workspace: Workspace) -> list[int] | None:
    """The people of a small workspace, if events count: one does not read the log of all others."""
    if not any(isinstance(condition, Happened) for _, condition in conditions(rule)):
        return None
    people = Subscriber.objects.of(workspace).filter(archived_at=None)
    ids = list(people.values_list("pk", flat=True)[: FEW + 1])
    return ids if len(ids) <= FEW else None


def _matched(rule: Rule, compiler: _Compiler) -> Statement:
    return compiler.select(SQL("subscriber.id"), where=compiler.condition(rule))


def _group(kind: str, members: list[Composable]) -> Composable:
    word = SQL(" AND ") if kind == "all" else SQL(" OR ")
    joined = word.join([SQL("({})").format(one) for one in members])
    return SQL("({}) IS NOT TRUE").format(joined) if kind == "none" else joined


def _present(row: Composable | None, wanted: bool) -> Composable:
    """Whether there is such a row, as wanted."""
    if row is None:
        return SQL("FALSE") if wanted else SQL("TRUE")
    word = SQL("IS NOT NULL") if wanted else SQL("IS NULL")
    return SQL("{}.subscriber_id {}").format(row, word)
