"""What becomes of a micro-batch: a pure decision for each result of the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from delivery import replies
from delivery.brakes import Heard, heard
from delivery.replies import Kind
from delivery.states import CapPolicy, Failure, Outcome
from delivery.transports.smtp import Result, WireOutcome
from emailseq.lib import sql

LAST_TRY = 10  # the backoff of `replies` has come to some 58 hours by then
LANE_PAUSE = timedelta(minutes=1)  # the server is busy or does not like us: no recipient's fault
_LANE = {Kind.CONNECTION, Kind.SENDER_TEMPORARY}
_FAILURES = {Kind.RECIPIENT_PERMANENT: Failure.HARD, Kind.CONTENT: Failure.CONTENT}


@dataclass
class Settlement:
    """Each message of a micro-batch finishes, goes back to the outbox, or is in doubt."""

    finished: list[tuple[int, str, str, str]] = field(default_factory=list)
    back: list[tuple[int, datetime, int, str, str]] = field(default_factory=list)
    doubtful: list[tuple[int, str]] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)
    # For the lane: the answers, as letters of `brakes.Heard`; what was refused last; and how many
    # messages the server has decided about.
    answers: str = ""
    why: str = ""
    decided_count: int = 0
    _has_ended: bool = False

    def finish(
        self,
        message_id: int,
        outcome: str,
        *,
        reason: str = "",
        reply: str = "",
        failure: Failure | None = None,
    ) -> None:
        """It is over. `reason` is empty for a message that was sent."""
        if failure:
            self.failures[message_id] = failure
        self.finished.append((message_id, outcome, reason[:200], reply[:500]))

    def put_back(
        self,
        message_id: int,
        run_at: datetime,
        *,
        refund: bool,
        reply: str = "",
        reason: str = "",
    ) -> None:
        """It did not leave, and is due again at `run_at`; `refund`: the try was not its fault.

        With a `reason` its reader can be told why it waits.
        """
        self.back.append((message_id, run_at, int(refund), reply[:500], reason))

    def cap(self, message_id: int, policy: str, until: datetime) -> None:
        """A frequency cap holds it back: until then, or for good."""
        if policy == CapPolicy.SKIP:
            self.finish(message_id, Outcome.SKIPPED, reason="frequency cap")
        else:
            self.put_back(message_id, until, refund=True, reason="frequency cap")

    def judge(
        self,
        result: Result,
        *,
        attempts: int,
        now: datetime,
        jitter: float,
        age: timedelta = timedelta(),
    ) -> None:
        """Sort in one result of the wire. `attempts` counts this one; `jitter` is in [0, 1).

        What is not the message's fault is not counted, so its `age` says how often to come back.
        """
        reply = str(result.reply).replace("\0", "")
        self._hear(result)
        if result.outcome is WireOutcome.ACCEPTED:
            self.finish(result.id, Outcome.SENT, reply=reply)
        elif result.outcome is WireOutcome.IN_DOUBT:
            self.doubtful.append((result.id, reply[:500]))
        elif result.outcome is WireOutcome.UNSENT:
            self.put_back(result.id, now, refund=True, reply=reply)
        else:
            again = now + replies.next_try(attempts, jitter=jitter)
            self._judge_refusal(result, reply, attempts, again, now + max(LANE_PAUSE, age / 10))

    def _hear(self, result: Result) -> None:
        """Each message tells of one answer; a session that has ended, of one for all it left."""
        self.decided_count += result.outcome is not WireOutcome.UNSENT
        if result.outcome is WireOutcome.ACCEPTED:
            self.answers += Heard.FINE
        elif result.outcome is WireOutcome.REFUSED or not self._has_ended:
            self._has_ended = result.outcome is not WireOutcome.REFUSED
            self.answers += (said := heard(result.reply))
            self.why = self.why if said is Heard.FINE else str(result.reply)

    def _judge_refusal(
        self, result: Result, reply: str, attempts: int, again: datetime, later: datetime
    ) -> None:
        """Whose fault is it? The recipient's: `again`, counted. Ours or the server's: `later`."""
        verdict = replies.classify(result.reply)
        if verdict.kind in _LANE:
            self.put_back(result.id, later, refund=True, reply=reply)
        elif verdict.kind is Kind.RECIPIENT_TEMPORARY and attempts < LAST_TRY:
            self.put_back(result.id, again, refund=False, reply=reply)
        else:
            failure = _FAILURES.get(verdict.kind)
            self.finish(
                result.id, Outcome.FAILED, reason=verdict.reason, reply=reply, failure=failure
            )

    @classmethod
    def of_all(cls, settlements: Iterable[Settlement]) -> Settlement:
        """What has to be written down of several."""
        whole = cls()
        for one in settlements:
            whole.finished += one.finished
            whole.back += one.back
            whole.doubtful += one.doubtful
            whole.failures |= one.failures
        return whole

    @property
    def ids(self) -> list[int]:
        rows: Sequence[Sequence[Any]] = [*self.finished, *self.back, *self.doubtful]
        return [row[0] for row in rows]

    def statements(self) -> list[tuple[str, dict[str, list[Any]]]]:
        """Which SQL files write this down, with their parameters; none for an empty settlement."""
        return [
            (name, sql.columns(names, rows))
            for name, names, rows in (
                ("finish", ("ids", "outcomes", "reasons", "replies"), self.finished),
                ("put_back", ("ids", "run_ats", "refunds", "replies", "reasons"), self.back),
                ("doubt", ("ids", "replies"), self.doubtful),
            )
            if rows
        ]
