"""Which messages to claim next, and by which transport each leaves. Pure.

Of what waits, the pump gets to know its places: a source's messages to one group of domains.
`plan` shares a claim out among them: by priority, then by source, then by what their lanes take.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from emailseq.lib import sticky

# Whose turn comes first, claim after claim, and so who gets what there is too little of: six times
# of ten the first priority, but once the last one. A claim is shared out in these proportions, too.
TURNS = (0, 0, 1, 0, 0, 1, 0, 2, 1, 0)
CHUNK = 20  # messages of one place that are claimed together: they leave in one micro-batch

K = TypeVar("K", bound=Hashable)


class LaneKey(NamedTuple):
    """A transport and whom it writes to; without class and group, the transport as a whole."""

    transport_id: int
    message_class: str = ""
    domain_group: str = ""

    @property
    def whole(self) -> LaneKey:
        return LaneKey(self.transport_id)


NO_LANE = LaneKey(0)


class Place(NamedTuple):
    """Where messages wait in the outbox."""

    priority: int
    kind: str
    source_id: int
    domain_group: str


class Waiting(NamedTuple):
    """A place where something is due, and what its oldest message says about all of it."""

    place: Place
    workspace_id: int
    message_class: str
    transport_id: int | None  # the only one that its sender allows


class Share(NamedTuple):
    """What to claim: so many messages of a place, for a lane."""

    place: Place
    lane: LaneKey
    quota: int


@dataclass(frozen=True, slots=True)
class Route:
    """A transport among others: whose it is, what it carries, and when it is its turn."""

    transport_id: int
    workspace_id: int | None
    message_class: str
    preference: int
    weight: int

    def carries(self, message_class: str) -> bool:
        return self.message_class in ("", message_class)


def lanes(
    routes: Sequence[Route],
    *,
    workspace_id: int,
    message_class: str,
    transport_id: int | None,
    domain_group: str,
) -> list[LaneKey]:
    """The lanes that may carry a message, the preferred one first.

    A sender's own transport is the only one; else the workspace's, or the one that all share. Of
    equal preference, weights decide, and always alike for a group of domains: it keeps its
    transport for as long as that is open.
    """
    own = [route for route in routes if route.carries(message_class)]
    if pinned := [route for route in own if route.transport_id == transport_id]:
        found: Iterable[Route] = pinned
    else:
        found = [route for route in own if route.workspace_id == workspace_id] or [
            route for route in own if route.workspace_id is None
        ]
    return [
        LaneKey(route.transport_id, message_class, domain_group)
        for route in _in_order(found, workspace_id, domain_group)
    ]


def _in_order(routes: Iterable[Route], *about: object) -> Iterator[Route]:
    left = {str(route.transport_id): route for route in routes}
    while left:
        first = min(route.preference for route in left.values())
        equals = [(key, route.weight) for key, route in left.items() if route.preference == first]
        yield left.pop(sticky.choose(equals, *about) if len(equals) > 1 else equals[0][0])


@dataclass
class Plan:
    """What one claim asks for. `room` is what transports as a whole take, where that is limited.

    `lanes_of` says which lanes take how many more of a place's messages. `served` says when a place
    last had its turn: those that have waited longest come first.
    """

    lanes_of: Callable[[Waiting], Iterable[tuple[LaneKey, int]]]
    served: Mapping[Place, int]
    room: dict[LaneKey, int]
    shares: list[Share] = field(default_factory=list)

    def make(self, waiting: Iterable[Waiting], *, budget: int, turn: int) -> list[Share]:
        """Share out `budget` messages; `turn` counts the claims."""
        oldest_first = sorted(waiting, key=lambda each: self.served.get(each.place, 0))
        groups = _grouped(oldest_first, lambda each: each.place.priority)
        weights = {priority: max(1, TURNS.count(priority)) for priority in groups}
        first = TURNS[turn % len(TURNS)]
        left = 0.0
        for priority in sorted(groups, key=lambda priority: (priority != first, priority)):
            left += budget * weights[priority] / sum(weights.values())
            left -= self._by_source(groups[priority], int(left))
        return self.shares

    def _by_source(self, waiting: Iterable[Waiting], budget: int) -> int:
        """A chunk for each source, lest one takes all the room, then an equal part of the rest."""
        sources = _grouped(waiting, lambda each: (each.place.kind, each.place.source_id))
        left = budget
        for most in (CHUNK, budget):
            for others, places in zip(range(len(sources), 0, -1), sources.values(), strict=True):
                left -= self._by_place(places, min(most, -(-left // others)))
        return budget - left

    def _by_place(self, places: Sequence[Waiting], budget: int) -> int:
        """A chunk for each place in turn, then what is left for whoever takes it."""
        left = budget
        for most in (CHUNK, budget):
            for each in places:
                left -= self._claim(each, min(left, most))
        return budget - left

    def _claim(self, waiting: Waiting, wanted: int) -> int:
        left = wanted
        for lane, takes in self.lanes_of(waiting) if wanted else ():
            quota = min(left, self.room.setdefault(lane, takes), self.room.get(lane.whole, left))
            if quota <= 0:
                continue
            self.shares.append(Share(waiting.place, lane, quota))
            left -= quota
            for limited in {lane, lane.whole} & self.room.keys():
                self.room[limited] -= quota
        return wanted - left


def _grouped(waiting: Iterable[Waiting], by: Callable[[Waiting], K]) -> dict[K, list[Waiting]]:
    groups: dict[K, list[Waiting]] = defaultdict(list)
    for each in waiting:
        groups[by(each)].append(each)
    return groups
