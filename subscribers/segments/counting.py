"""How often things happened, as SQL: one pass over the event log, however many conditions ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from psycopg.sql import SQL, Composable, Identifier

from emailseq.lib import clock
from subscribers.segments import operators
from subscribers.segments.operators import Bind
from subscribers.segments.references import Found
from subscribers.segments.rules import ONCE, Happened

# An event is recorded when it occurs or later; this is what clocks may differ by.
LEEWAY = timedelta(hours=1)


class Counting:
    """Conditions on counts, and the join that makes those counts."""

    def __init__(
        self, found: Found, now: datetime, bind: Bind, compare: Callable[..., Composable]
    ) -> None:
        self._found, self._now, self._bind, self._compare = found, now, bind, compare
        self._wanted: dict[Happened, Composable] = {}  # what is counted, and which rows it is

    def condition(self, rule: Happened) -> Composable:
        """NULL or FALSE for whom it has not happened as often as the rule says."""
        source = rule.source
        if source and (source.kind, source.ref) not in self._found:
            times: Composable = SQL("NULL::bigint")
        else:
            times = SQL("happened.{}").format(self._column(replace(rule, count=ONCE)))
        number = self._bind(rule.count.value)
        if rule.count.op == "at_most" or rule.count.value == 0:  # never is enough
            return SQL("coalesce({}, 0) <= {}").format(times, number)
        word = SQL("=") if rule.count.op == "exactly" else SQL(">=")
        return SQL("{} {} {}").format(times, word, number)

    def join(self, scope: Callable[[Composable, Composable], Composable]) -> Composable:
        """Empty when nothing is counted; `scope` limits a table, and its column of people."""
        if not self._wanted:
            return SQL("")
        counts = [
            SQL("count(*) FILTER (WHERE {}) AS {}").format(rows, self._column(rule))
            for rule, rows in self._wanted.items()
        ]
        return SQL(
            "LEFT JOIN (SELECT event.subscriber_id, {counts} FROM subscribers_event AS event "
            "WHERE {scope} AND {recent} AND ({any}) GROUP BY event.subscriber_id) AS happened "
            "ON happened.subscriber_id = subscriber.id"
        ).format(
            counts=SQL(", ").join(counts),
            scope=scope(SQL("event"), SQL("subscriber_id")),
            recent=self._recent(),
            any=SQL(" OR ").join([SQL("({})").format(rows) for rows in self._wanted.values()]),
        )

    def _column(self, rule: Happened) -> Composable:
        if rule not in self._wanted:
            self._wanted[rule] = self._rows(rule)
        return Identifier(f"times_{list(self._wanted).index(rule)}")

    def _rows(self, rule: Happened) -> Composable:
        """The condition on a row of the log."""
        wanted: list[Composable] = [SQL("event.kind = {}").format(self._bind(rule.kind))]
        if rule.name:
            wanted.append(SQL("event.name = {}").format(self._bind(rule.name)))
        if rule.verdict not in ("", "any"):
            wanted.append(SQL("event.verdict = {}").format(self._bind(rule.verdict)))
        if source := rule.source:
            wanted.append(SQL("event.source_kind = {}").format(self._bind(source.kind)))
            found = self._found[source.kind, source.ref]
            wanted.append(SQL("event.source_id = {}").format(self._bind(found.pk)))
            if source.step:
                wanted.append(SQL("event.step_key = {}").format(self._bind(source.step)))
        if rule.within:
            wanted.append(
                SQL("event.occurred_at >= {}").format(self._bind(self._now - rule.within))
            )
        for name, comparison in ((one.name, one.comparison) for one in rule.where):
            value = operators.json_member(SQL("event.properties"), self._bind(name))
            wanted.append(self._compare(comparison, value))
        return SQL(" AND ").join([SQL("({})").format(one) for one in wanted])

    def _recent(self) -> Composable:
        """Leaves out the partitions of months that no condition looks at."""
        spans = [rule.within for rule in self._wanted]
        if None in spans or clock.held_at():  # rows are dated by the real clock
            return SQL("TRUE")
        longest = max(span for span in spans if span)
        return SQL("event.recorded_at >= {}").format(self._bind(self._now - longest - LEEWAY))
