"""Questions to DNS, in plain answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import dns.reversename

QUERY_SECONDS = 2.0


class Unanswered(Exception):
    """Nobody could tell: no server answered in time, or properly."""


class MailServer(NamedTuple):
    preference: int
    host: str


class Lookup:
    """Asks DNS, remembers the answers, and takes no longer than `seconds` in all.

    A name that is not there has no records; Unanswered means that nobody could tell.
    """

    def __init__(self, resolver: dns.resolver.Resolver, *, seconds: float = 5.0) -> None:
        self._resolver = resolver
        self._until = time.monotonic() + seconds
        self._known: dict[tuple[str, str], list[Any]] = {}

    def texts(self, host: str) -> list[str]:
        """The TXT records, the strings of each joined."""
        return [_clean(b"".join(record.strings)) for record in self._ask(host, "TXT")]

    def addresses(self, host: str) -> list[str]:
        records = [*self._ask(host, "A"), *self._ask(host, "AAAA")]
        return [record.address for record in records]

    def mail_servers(self, domain: str) -> list[MailServer]:
        """Most preferred first. A null MX (RFC 7505) is a server without a name."""
        records = self._ask(domain, "MX")
        found = (MailServer(each.preference, _name(each.exchange)) for each in records)
        return sorted(found)

    def names(self, address: str) -> list[str]:
        """What the owner of an address calls it."""
        host = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        return [_name(record.target) for record in self._ask(host, "PTR")]

    def _ask(self, host: str, kind: str) -> list[Any]:
        question = host.lower(), kind
        if question not in self._known:
            self._known[question] = self._answers(host, kind)
        return self._known[question]

    def _answers(self, host: str, kind: str) -> list[Any]:
        if not host.isascii():
            return []  # in a record of somebody else; an IDNA 2003 guess would ask a stranger
        seconds = min(QUERY_SECONDS, self._until - time.monotonic())
        if seconds <= 0:
            raise Unanswered("DNS took too long to answer.")
        try:
            name = dns.name.from_text(host)
        except dns.exception.DNSException:
            return []
        try:
            return [
                *self._resolver.resolve(
                    name, kind, lifetime=seconds, search=False, raise_on_no_answer=False
                )
            ]
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(f"DNS did not answer for {kind} {host}.") from error


def make_resolver(servers: Sequence[tuple[str, int]] = ()) -> dns.resolver.Resolver:
    """A resolver that asks these servers, (address, port) each, or else the system's."""
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*each) for each in servers]
    resolver.timeout = 1.0
    resolver.use_edns(0, payload=1232)
    return resolver


def _name(name: dns.name.Name) -> str:
    return _clean(name.to_text().rstrip(".").encode()).lower()


def _clean(raw: bytes) -> str:
    """Text of a stranger as it may be stored and shown: no controls, nothing but characters."""
    text = raw.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
