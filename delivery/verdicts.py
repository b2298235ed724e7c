"""Whether a person or a machine fetched a pixel or followed a link, and how that is known. Pure.

Nothing here is certain. What a machine does is stored and moves nothing, so doubt goes to people
as far as what they use looks like a browser or a mail program; `unknown` is whoever is neither.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import NamedTuple, Protocol

from delivery.gateways import BARE, IMAGE_PROXIES, MACHINES, Machine

HUMAN, MACHINE, UNKNOWN = "human", "machine", "unknown"

# Fetched this soon after delivery, it was a gateway that looked at the message, not its reader.
TOO_SOON_SECONDS = 5.0
# So many different links of a message within that time, or all of two: nobody clicks like that.
BURST_SECONDS, MANY_LINKS = 3.0, 3


class Judgement(NamedTuple):
    """The verdict, and what it rests on where that is worth saying."""

    verdict: str
    because: str = ""


_TRAPPED = Judgement(MACHINE, "followed the link that nobody can see")
_BURST = Judgement(MACHINE, "followed all links at once")
_SOON = Judgement(MACHINE, "came right after delivery")


class Request(Protocol):
    """A hit, as far as it is judged, so many seconds after delivery.

    `links` is how many the message has; the one behind the last is the trap, which nobody can see.
    """

    @property
    def is_click(self) -> bool: ...
    @property
    def link(self) -> int: ...
    @property
    def links(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def user_agent(self) -> str: ...
    @property
    def network(self) -> str: ...


def judge(requests: Sequence[Request]) -> list[Judgement]:
    """Of hits on one message, all that came together, in the order of time: one for each."""
    if any(one.is_click and one.link >= one.links for one in requests):
        return [_TRAPPED] * len(requests)
    if len(requests) == 1:
        return [_alone(requests[0])]
    burst = _burst(requests)
    return [_BURST if number in burst else _alone(one) for number, one in enumerate(requests)]


def _alone(one: Request) -> Judgement:
    if one.seconds < TOO_SOON_SECONDS:
        return _SOON
    return known(one.user_agent, one.network, one.is_click)


def _burst(requests: Sequence[Request]) -> set[int]:
    """Which of the hits belong to a burst of clicks, by their place."""
    clicks = [(place, one) for place, one in enumerate(requests) if one.is_click]
    found: set[int] = set()
    start = marked = 0
    together = Counter[int]()
    for end, (_, one) in enumerate(clicks, 1):
        together[one.link] += 1
        while one.seconds - clicks[start][1].seconds > BURST_SECONDS:
            gone = clicks[start][1].link
            together[gone] -= 1
            if not together[gone]:
                del together[gone]
            start += 1
        if len(together) >= max(2, min(MANY_LINKS, one.links)):
            found.update(place for place, _ in clicks[max(start, marked) : end])
            marked = end
    return found


def known(user_agent: str, network: str, is_click: bool) -> Judgement:
    """What a user agent and the network of an address say by themselves."""
    said = _agent(user_agent)
    if said.verdict == HUMAN and said.because:  # an image proxy: no gateway is behind it
        return said._replace(verdict=MACHINE) if is_click else said
    gateway = "" if said.verdict == MACHINE else _gateway(network)
    return Judgement(MACHINE, gateway) if gateway else said


@lru_cache(maxsize=10_000)
def _agent(user_agent: str) -> Judgement:
    """What a user agent says of an open."""
    agent = " ".join(user_agent.lower().split())
    if proxy := _PROXIES.search(agent):
        return Judgement(HUMAN, _name(IMAGE_PROXIES, proxy))
    if agent in BARE:
        return Judgement(MACHINE, BARE[agent])
    if machine := _AGENTS.search(agent):
        return Judgement(MACHINE, _name(MACHINES, machine))
    if _ROBOT.search(agent):
        return Judgement(MACHINE, "a robot that says so")
    return Judgement(HUMAN if _PERSONAL.search(agent) else UNKNOWN)


def _pattern(machines: Iterable[Machine]) -> re.Pattern[str]:
    """Finds the agents of each in a group of its own; a script's name begins a word."""
    groups = ("|".join(map(re.escape, machine.agents.split("|"))) for machine in machines)
    return re.compile("|".join(rf"((?<![a-z])(?:{group}))" for group in groups))


def _name(machines: Sequence[Machine], found: re.Match[str]) -> str:
    return machines[(found.lastindex or 1) - 1].name


@lru_cache(maxsize=10_000)
def _gateway(network: str) -> str:
    """Whose machines are in a network as hits keep it, a /24 or a /48; empty: nobody's."""
    if "." not in network:
        return ""
    place = int(ip_network(network, strict=False).network_address)
    for length, gateways in _NETWORKS.items():
        if name := gateways.get(place >> (32 - length)):
            return name
    return ""


def _networks() -> dict[int, dict[int, str]]:
    """The names of gateways by the leading bits of their addresses, by how many bits those are."""
    found: dict[int, dict[int, str]] = {}
    for machine in MACHINES:
        for each in map(ip_network, machine.networks.split()):
            bits = int(each.network_address) >> (32 - each.prefixlen)
            found.setdefault(each.prefixlen, {})[bits] = machine.name
    return found


_PROXIES, _AGENTS, _NETWORKS = _pattern(IMAGE_PROXIES), _pattern(MACHINES), _networks()
# Cubot makes telephones.
_ROBOT = re.compile(r"(?<!cu)bot(?![a-z])|robot|crawl|spider|scanner|archiver|\+https?://|fetcher")
_PERSONAL = re.compile(
    r"mozilla/\d\.\d \(|opera/|dalvik/|outlook|microsoft office|thunderbird|applewebkit|cfnetwork"
    r"|mail/|lotus|evolution|emclient|the bat!|postbox|airmail|spark|k-9|samsung"
)
