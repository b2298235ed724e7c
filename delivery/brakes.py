"""When a lane slows down, rests or stops, and when it goes on: pure decisions about what is heard.

A lane is a transport and a group of recipient domains; a transport as a whole has brakes as well.

    open ── connections fail, or it is told to slow down ──> resting ── time is up ──> probing
      ^                     (30 s, doubling to 30 min) <── it fails again ──┘             │
      └───────────────────────── one message got an answer ──────────────────────────────┘
    open ── we are not wanted, or the password is wrong ──> paused ── a person ──> open

What costs no message heals by itself. What fails messages waits for a person, who reads the
server's words. An open lane lets through what its token bucket and its day allow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from delivery import replies
from delivery.replies import Kind, Reply


class State(StrEnum):
    OPEN = "open"
    RESTING = "resting"  # until a time
    PROBING = "probing"  # one message is on its way, to see whether it goes on
    PAUSED = "paused"  # until a person releases it


class Heard(StrEnum):
    """What a reply says about the lane; one letter each, so that a string is a history."""

    FINE = "."  # it answered; whatever else it said concerns the recipient or the message
    LOST = "c"  # the connection or the server failed
    BUSY = "b"  # 421: go away for now
    SLOW = "t"  # we are too fast or too little known
    UNWANTED = "p"  # we are refused for good, whoever the recipient is
    AUTH = "a"  # our credentials are refused


FAULTS = frozenset(Heard) - {Heard.FINE}
WINDOW = 50  # answers that are remembered
LOST_IN_A_ROW = 5
AUTH_IN_A_ROW = 3
SLOW_OF_20 = 3
BURST_SECONDS = 1.0  # what a token bucket holds
REST_STEPS = 6  # doublings: 30 seconds become half an hour
RETURN_RATE = 20.0  # messages a second, at least, after connections have failed
LEAST_RATE = 1.0
# A day's cap of a lane that warms up; a day counts when most of its cap was used without trouble.
WARM_UP = (50, 100, 200, 400, 800, 1_500, 3_000, 6_000, 12_000, 25_000, 50_000)
DAY_USED, DAY_FAULTS = 0.8, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What people have set for a lane, or for a transport as a whole. None is no limit."""

    rate: float | None = None  # messages a second
    daily: int | None = None
    warm_up: bool = False
    connections: int | None = None  # of all pumps together
    unwanted: int = 10  # of the last 50 answers: as many pause it
    rest: timedelta = timedelta(seconds=30)  # the first one


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """The state of a lane: what it remembers, and what it lets through."""

    state: str = State.OPEN
    until: datetime | None = None  # of a rest; of a probe, when it is given up
    rest_count: int = 0  # in a row; quiet minutes take one off
    reason: str = ""  # why it is not open, or last was not
    recent: str = ""  # the last answers, newest at the end
    rate: float | None = None  # messages a second, lowered by trouble
    ceiling: float | None = None  # the pace at which trouble began
    connections: int | None = None  # of all pumps, lowered by trouble
    spent_until: datetime  # the token bucket: up to this instant it is empty
    quiet_since: datetime  # the last fault, or the last time a limit was raised
    pace: float = 0.0  # messages a second, lately
    counted_since: datetime
    counted: int = 0
    day: date
    day_count: int = 0
    day_fault_count: int = 0
    warm_day: int = 0  # days of the warm-up that counted

    @classmethod
    def new(cls, now: datetime) -> Brakes:
        return cls(spent_until=now, quiet_since=now, counted_since=now, day=_day(now))

    @property
    def health(self) -> float:
        """The share of the last answers that was no fault."""
        faults = sum(letter in FAULTS for letter in self.recent)
        return 1 - faults / len(self.recent) if self.recent else 1.0


def heard(reply: Reply) -> Heard:
    """What a reply says about the lane it came by."""
    rule = replies.classify(reply)
    if rule.kind is Kind.CONNECTION:
        if rule.reason == "auth":
            return Heard.AUTH
        return Heard.BUSY if reply.code == 421 else Heard.LOST
    if rule.kind is Kind.SENDER_TEMPORARY:
        return Heard.SLOW
    # What the server cannot transport is refused by ourselves, address by address.
    unwanted = rule.kind is Kind.SENDER_PERMANENT and rule.reason != "smtputf8"
    return Heard.UNWANTED if unwanted else Heard.FINE


# What it lets through


def allowance(lane: Brakes, *, now: datetime, limits: Limits) -> int | None:
    """How many messages may leave now; None is as many as there are."""
    if lane.state == State.PAUSED or (lane.until and now < lane.until):
        return 0
    lane = _of_today(_eased(lane, now, limits), now, limits)
    probe = None if lane.state == State.OPEN else 1
    left = [_tokens(lane, now, limits), _left_today(lane, limits), probe]
    return min((count for count in left if count is not None), default=None)


def is_shut(lane: Brakes, *, now: datetime, limits: Limits) -> bool:
    """Whether another transport should carry what comes: it rests, or has no room left today.

    A lane that is only out of tokens is not shut: what comes waits for its turn.
    """
    return lane.state != State.OPEN or _left_today(_of_today(lane, now, limits), limits) == 0


def take(lane: Brakes, want: int, *, now: datetime, limits: Limits) -> tuple[Brakes, int]:
    """Let through up to `want` messages: the lane afterwards, and how many they are."""
    allowed = allowance(lane, now=now, limits=limits)
    count = want if allowed is None else min(want, allowed)
    if not count:
        return lane, 0
    lane = _of_today(_eased(lane, now, limits), now, limits)
    if lane.state != State.OPEN:
        lane = replace(lane, state=State.PROBING, until=now + 3 * limits.rest)
    if rate := rate_of(lane, limits):
        begin = max(lane.spent_until, now - _burst(rate))
        lane = replace(lane, spent_until=begin + timedelta(seconds=count / rate))
    if cap(lane, limits) is not None:
        lane = replace(lane, day_count=lane.day_count + count)
    return lane, count


def give_back(lane: Brakes, count: int, *, now: datetime, limits: Limits) -> Brakes:
    """What was let through and did not leave: its tokens and its place in the day return."""
    if lane.state == State.PROBING:
        lane = replace(lane, state=State.RESTING, until=now)
    if rate := rate_of(lane, limits):
        lane = replace(lane, spent_until=lane.spent_until - timedelta(seconds=count / rate))
    if cap(lane, limits) is not None:
        lane = replace(lane, day_count=max(0, lane.day_count - count))
    return lane


def rate_of(lane: Brakes, limits: Limits) -> float | None:
    """Messages a second, at most: what was set, or less after trouble."""
    return min((rate for rate in (lane.rate, limits.rate) if rate is not None), default=None)


def cap(lane: Brakes, limits: Limits) -> int | None:
    """Messages a day, at most."""
    warming = limits.warm_up and lane.warm_day < len(WARM_UP)
    caps = (WARM_UP[lane.warm_day] if warming else None, limits.daily)
    return min((count for count in caps if count is not None), default=None)


def is_limited(lane: Brakes, limits: Limits) -> bool:
    """Whether messages have to be asked for with `take`."""
    return (
        lane.state != State.OPEN
        or rate_of(lane, limits) is not None
        or cap(lane, limits) is not None
    )


# What it hears


def hear(
    lane: Brakes, answers: str, *, why: str, now: datetime, limits: Limits, jitter: float
) -> Brakes:
    """Draw conclusions from `answers`, oldest first; `why` are the words of the last fault.

    `jitter` in [0, 1) spreads the rests. Answers to what was under way when it closed change
    nothing any more.
    """
    lane = _counted(_of_today(lane, now, limits), answers, now, limits)
    if lane.state in (State.PAUSED, State.RESTING):
        return lane
    lane = _eased(replace(lane, recent=(lane.recent + answers)[-WINDOW:]), now, limits)
    faults = FAULTS.intersection(answers)
    if faults:
        lane = _fewer_connections(lane, faults, now, limits)
        lane = replace(lane, quiet_since=now)
    if lane.recent.count(Heard.UNWANTED) >= limits.unwanted and Heard.UNWANTED in faults:
        return pause(lane, why)
    if Heard.AUTH in faults:
        if lane.recent.endswith(Heard.AUTH * AUTH_IN_A_ROW):
            return pause(lane, why)
        return _rest(lane, why, now, limits, jitter)
    if lane.state == State.PROBING:
        failed = faults - {Heard.UNWANTED}
        return _rest(lane, why, now, limits, jitter) if failed else _opened(lane)
    return _rest(lane, why, now, limits, jitter) if _is_in_trouble(lane, faults, limits) else lane


def pause(lane: Brakes, why: str) -> Brakes:
    """Stop until somebody releases it."""
    return replace(lane, state=State.PAUSED, until=None, reason=why)


def release(lane: Brakes, *, now: datetime) -> Brakes:
    """Open it and forget the trouble; what was sent today stays counted."""
    return replace(
        Brakes.new(now),
        day=lane.day,
        day_count=lane.day_count,
        day_fault_count=lane.day_fault_count,
        warm_day=lane.warm_day,
    )


def _is_in_trouble(lane: Brakes, faults: frozenset[str], limits: Limits) -> bool:
    last = lane.recent[-LOST_IN_A_ROW:]
    lost = len(last) == LOST_IN_A_ROW and not set(last) - {Heard.LOST, Heard.BUSY}
    # Where there are connections to take back, 421 need not mean that messages come too fast.
    slow = {Heard.SLOW} if limits.connections else {Heard.SLOW, Heard.BUSY}
    slowed = sum(letter in slow for letter in lane.recent[-20:]) >= SLOW_OF_20
    return bool(faults) and (lost or (slowed and not slow.isdisjoint(faults)))


def _rest(lane: Brakes, why: str, now: datetime, limits: Limits, jitter: float) -> Brakes:
    """Close for a while, each time in a row for twice as long, and come back slower."""
    seconds = limits.rest.total_seconds() * 2 ** min(lane.rest_count, REST_STEPS)
    until = now + timedelta(seconds=seconds * (0.8 + 0.4 * jitter))
    if lane.state == State.OPEN:
        lane = _slower(lane, now, limits)
    return replace(
        lane, state=State.RESTING, until=until, rest_count=lane.rest_count + 1, reason=why
    )


def _slower(lane: Brakes, now: datetime, limits: Limits) -> Brakes:
    """Half the pace when told to slow down, a quarter after connections have failed."""
    was = rate_of(lane, limits) or _pace(lane, now)
    if lane.recent[-1] in (Heard.SLOW, Heard.BUSY):
        rate = max(LEAST_RATE, was / 2)
    else:
        rate = max(RETURN_RATE, was / 4)
    return replace(lane, rate=rate, ceiling=max(was, rate))


def _opened(lane: Brakes) -> Brakes:
    return replace(lane, state=State.OPEN, until=None)


def _fewer_connections(
    lane: Brakes, faults: frozenset[str], now: datetime, limits: Limits
) -> Brakes:
    """421 halves the connections, once for all that say so together."""
    again = lane.connections is not None and now - lane.quiet_since < limits.rest / 6
    if Heard.BUSY not in faults or limits.connections is None or again:
        return lane
    return replace(lane, connections=max(1, (lane.connections or limits.connections) // 2))


def _eased(lane: Brakes, now: datetime, limits: Limits) -> Brakes:
    """Quiet minutes raise the limits that trouble has lowered, up to where it began and beyond."""
    minute = 2 * limits.rest
    minutes = min(int((now - lane.quiet_since) / minute), 60)
    if lane.state != State.OPEN or minutes < 1:
        return lane
    rate, ceiling, connections = lane.rate, lane.ceiling or 0.0, lane.connections
    for _ in range(minutes):
        if rate is not None:
            rate = min(2 * rate, ceiling) if rate < ceiling else rate + max(1.0, ceiling / 10)
            rate = None if rate >= 2 * ceiling else rate
        if connections is not None:
            connections += 1
            connections = None if connections >= (limits.connections or 0) else connections
    return replace(
        lane,
        rate=rate,
        ceiling=lane.ceiling if rate else None,
        connections=connections,
        rest_count=max(0, lane.rest_count - minutes),
        quiet_since=lane.quiet_since + minutes * minute,
    )


# What it counts


def _counted(lane: Brakes, answers: str, now: datetime, limits: Limits) -> Brakes:
    faults = sum(letter in (Heard.SLOW, Heard.UNWANTED) for letter in answers)
    counted, since, pace = lane.counted + len(answers), lane.counted_since, lane.pace
    if now - since >= timedelta(seconds=10):
        counted, since, pace = 0, now, counted / (now - since).total_seconds()
    # Where there is a cap, `take` has counted them.
    here = 0 if cap(lane, limits) is not None else len(answers)
    return replace(
        lane,
        counted=counted,
        counted_since=since,
        pace=pace,
        day_count=lane.day_count + here,
        day_fault_count=lane.day_fault_count + faults,
    )


def _pace(lane: Brakes, now: datetime) -> float:
    seconds = max(1.0, (now - lane.counted_since).total_seconds())
    return max(lane.pace, lane.counted / seconds)


def _tokens(lane: Brakes, now: datetime, limits: Limits) -> int | None:
    rate = rate_of(lane, limits)
    if rate is None:
        return None
    waited = min(now - lane.spent_until, _burst(rate))
    return max(0, math.floor(waited.total_seconds() * rate + 1e-3))


def _burst(rate: float) -> timedelta:
    """The time in which an empty bucket fills up: it always holds a whole message."""
    return timedelta(seconds=max(BURST_SECONDS, 1 / rate))


def _left_today(lane: Brakes, limits: Limits) -> int | None:
    most = cap(lane, limits)
    return None if most is None else max(0, most - lane.day_count)


def _of_today(lane: Brakes, now: datetime, limits: Limits) -> Brakes:
    """Begin a new day at midnight UTC."""
    if _day(now) <= lane.day:
        return lane
    most = cap(lane, limits)
    used = most is not None and lane.day_count >= DAY_USED * most
    trouble = lane.day_fault_count > DAY_FAULTS * lane.day_count
    warmer = int(limits.warm_up and used and not trouble)
    return replace(
        lane, day=_day(now), day_count=0, day_fault_count=0, warm_day=lane.warm_day + warmer
    )


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
