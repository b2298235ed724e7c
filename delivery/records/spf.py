"""SPF: which servers may send for a domain (RFC 7208)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from delivery.records.findings import Finding, Level
from delivery.records.lookup import Lookup

LOOKUPS = 10  # RFC 7208 4.6.4: a record that takes more is no record

Network = IPv4Network | IPv6Network


@dataclass
class Tree:
    """A record with all that it includes: whom it authorises, what it costs, what is wrong."""

    lookup: Lookup
    lookup_count: int = 0
    networks: list[Network] = field(default_factory=list)
    includes: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    rest: str = ""  # what it says about everybody else: the qualifier of its `all`

    def read(self, host: str, record: str, *, included: bool = False) -> None:
        """Take in a record, and those that it leads to, as far as the limit allows."""
        terms = record.lower().split()[1:]
        for term in terms:
            if self.lookup_count > LOOKUPS:
                return
            if not (found := _MECHANISM.fullmatch(term)):
                if not _MODIFIER.fullmatch(term):
                    self.faults.append(f"“{term}” is no mechanism")
                continue
            self._take(found, host, included=included)
        redirect = next((term[9:] for term in terms if term.startswith("redirect=")), "")
        if redirect and not any(term.lstrip("+-~?") == "all" for term in terms):
            self._follow(redirect, "redirect", included=included)

    def _take(self, term: re.Match[str], host: str, *, included: bool) -> None:
        qualifier, name, value, mask, mask6 = term.groups()
        passes = qualifier in ("", "+")
        if name == "all":
            self.rest = self.rest if included else qualifier or "+"
        elif name in ("ip4", "ip6"):
            self._allow([value or ""], mask, mask, passes=passes)
        elif name in ("a", "mx"):
            self.lookup_count += 1
            if "%" not in (target := value or host):
                hosts = [target]
                if name == "mx":
                    hosts = [name for _, name in self.lookup.mail_servers(target) if name]
                found = [each for one in hosts for each in self.lookup.addresses(one)]
                self._allow(found, mask, mask6, passes=passes)
        elif name == "include":
            self._follow(value or "", "include", included=True, passes=passes)
        else:  # exists, ptr: depend on the message
            self.lookup_count += 1

    def _follow(self, target: str, how: str, *, included: bool, passes: bool = True) -> None:
        self.lookup_count += 1
        if "%" in target or self.lookup_count > LOOKUPS:
            return
        records = records_of(target, self.lookup)
        if len(records) != 1:
            self.faults.append(f"{how} of {target or 'nothing'}, which has no SPF record")
            return
        if passes:
            self.includes.add(target)
            self.read(target, records[0], included=included)

    def _allow(
        self, addresses: Sequence[str], mask: str | None, mask6: str | None, *, passes: bool
    ) -> None:
        for address in addresses:
            length = mask6 if ":" in address else mask
            try:
                network = ip_network(f"{address}/{length}" if length else address, strict=False)
            except ValueError:
                self.faults.append(f"“{address}” is no network")
            else:
                if passes:
                    self.networks.append(network)


def records_of(host: str, lookup: Lookup) -> list[str]:
    return [text for text in lookup.texts(host) if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]


def networks(mechanisms: Sequence[str], lookup: Lookup) -> list[Network]:
    """What the mechanisms `ip4`, `ip6` and `a` stand for."""
    tree = Tree(lookup)
    for mechanism in mechanisms:
        if not mechanism.startswith("include:"):
            tree.read("", f"v=spf1 {mechanism}")
    return tree.networks


@dataclass(frozen=True)
class Judge:
    """Whether the record of a host authorises the `mechanisms` that our mail servers stand for."""

    mechanisms: tuple[str, ...]
    required: bool

    def __call__(self, finding: Finding, lookup: Lookup) -> Finding:
        records = records_of(finding.host, lookup)
        if not records:
            return finding.say(self._worst, "There is no SPF record. Publish this one.")
        if len(records) > 1:
            advice = "Several SPF records count as none. Merge them into one."
            return finding.say(self._worst, advice, records)
        tree = Tree(lookup)
        tree.read(finding.host, records[0])
        missing = [each for each in self.mechanisms if not _authorised(each, tree, lookup)]
        expected = _with(records[0], missing)
        for level, fault in self._faults(tree, missing):
            return finding.say(level, fault, records, expected=expected)
        cost = f"It takes {tree.lookup_count} of the {LOOKUPS} look-ups that are allowed."
        return finding.say(Level.GOOD, cost, records, expected=expected)

    @property
    def _worst(self) -> Level:
        return Level.BAD if self.required else Level.ADVICE

    def _faults(self, tree: Tree, missing: Sequence[str]) -> Iterator[tuple[Level, str]]:
        """The worst first."""
        if tree.faults:
            yield self._worst, f"The record is broken: {tree.faults[0]}."
        if tree.lookup_count > LOOKUPS:
            yield self._worst, f"It takes more than {LOOKUPS} look-ups, so receivers give up."
        if tree.rest == "+":
            yield self._worst, "“+all” lets everybody send in your name: end with “~all”."
        if missing:
            servers = " ".join(missing)
            yield self._worst, f"It does not name our mail server ({servers}). Publish this one."
        if tree.rest in ("", "?"):
            yield Level.ADVICE, "It says nothing about everybody else: end it with “~all”."
        if not self.mechanisms:
            unset = "EMAILSEQ_SPF is not set, so nobody knows whether it names our mail server."
            yield Level.ADVICE, unset


def _authorised(mechanism: str, tree: Tree, lookup: Lookup) -> bool:
    if mechanism.startswith("include:"):
        return mechanism.removeprefix("include:").lower() in tree.includes
    ours = networks([mechanism], lookup)
    return bool(ours) and all(_lies_in(network, tree.networks) for network in ours)


def _lies_in(network: Network, wider: Sequence[Network]) -> bool:
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in wider
    )


def _with(record: str, mechanisms: Sequence[str]) -> str:
    """The record with mechanisms added, before what it says about everybody else."""
    first, *terms = record.split()
    last = [term for term in terms if term.lower().lstrip("+-~?") == "all"][-1:]
    kept = [term for term in terms if term not in last]
    modifiers = [] if last or "redirect=" in record.lower() else ["~all"]
    return " ".join([first, *mechanisms, *kept, *(last or modifiers)])


_MECHANISM = re.compile(
    r"([+\-~?]?)(all|ip4|ip6|a|mx|include|exists|ptr)(?::([^/]+))?"
    r"(?:/(\d{1,3}))?(?://(\d{1,3}))?"
)
_MODIFIER = re.compile(r"[a-z][a-z0-9_.-]*=\S*")
