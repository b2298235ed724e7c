"""The hosts around a domain: where bounces go, what sends, and where links lead."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from delivery.records import spf
from delivery.records.findings import Finding, Level
from delivery.records.lookup import Lookup


def judge_mail_exchange(finding: Finding, lookup: Lookup) -> Finding:
    """Whether bounces reach somebody."""
    servers = lookup.mail_servers(finding.host)
    found = [f"{preference} {host or '.'}" for preference, host in servers]
    if not servers:
        if addresses := lookup.addresses(finding.host):
            advice = "There is no MX record; servers fall back to the address. Better publish one."
            return finding.say(Level.ADVICE, advice, addresses)
        advice = "Bounces reach nobody. Publish an MX record: the server that takes them in."
        return finding.say(Level.BAD, advice)
    if not any(host for _, host in servers):
        return finding.say(Level.BAD, "A null MX says that this domain takes no mail.", found)
    if lost := [host for _, host in servers if host and not lookup.addresses(host)]:
        level = Level.BAD if len(lost) == len(servers) else Level.ADVICE
        return finding.say(level, f"{lost[0]} has no address, so mail to it goes nowhere.", found)
    return finding.say(Level.GOOD, "Bounces have somewhere to go.", found)


@dataclass(frozen=True)
class ReverseJudge:
    """Whether the addresses we send from have names that lead back to them."""

    mechanisms: tuple[str, ...]

    def __call__(self, finding: Finding, lookup: Lookup) -> Finding:
        networks = spf.networks(self.mechanisms, lookup)
        sending = [str(each.network_address) for each in networks if each.num_addresses == 1]
        if not sending:
            advice = "Set EMAILSEQ_SPF to the addresses that your mail server sends from."
            return finding.say(Level.UNKNOWN, advice)
        names = {address: lookup.names(address) for address in sending}
        found = [f"{address} {' '.join(names[address]) or '–'}" for address in sending]
        for address in sending:
            if not names[address]:
                advice = f"{address} has no name: ask your provider for a PTR record."
                return finding.say(Level.BAD, advice, found)
            if not any(address in _addresses(name, lookup) for name in names[address]):
                advice = f"{names[address][0]} does not lead back to {address}: add the address."
                return finding.say(Level.BAD, advice, found)
        advice = "Names and addresses agree. The mail server should greet by that name (HELO)."
        return finding.say(Level.GOOD, advice, found)


def _addresses(name: str, lookup: Lookup) -> set[str]:
    return {str(ipaddress.ip_address(each)) for each in lookup.addresses(name)}


@dataclass(frozen=True)
class HandOverJudge:
    """Whether messages reach the mail server encrypted, or need not leave the machine for it."""

    encrypted: bool

    def __call__(self, finding: Finding, lookup: Lookup) -> Finding:
        if self.encrypted:
            return finding.say(Level.GOOD, "Messages are handed over under TLS.")
        if _is_local(finding.host):
            advice = "The mail server is here. See that it uses TLS to send them on."
            return finding.say(Level.GOOD, advice)
        advice = "Messages travel to the mail server in the clear: use smtp+tls:// in EMAIL_URL."
        return finding.say(Level.ADVICE, advice)


@dataclass(frozen=True)
class TrackingJudge:
    """Whether a host of the domain's own leads here; `prove` says what is wrong, if it does not."""

    prove: Callable[[str], str]

    def __call__(self, finding: Finding, lookup: Lookup) -> Finding:
        addresses = lookup.addresses(finding.host)
        if not addresses:
            advice = "This name is not there: publish the record, then links can lead by it."
            return finding.say(Level.BAD, advice)
        if wrong := self.prove(finding.host):
            return finding.say(Level.BAD, wrong, addresses)
        return finding.say(Level.GOOD, "Links lead by this name, over https.", addresses)


def judge_links(finding: Finding, lookup: Lookup) -> Finding:
    """Whether links and one-click unsubscribe work over https (RFC 8058 wants it)."""
    if urlsplit(finding.expected).scheme != "https":
        advice = "One-click unsubscribe takes https. Set TRACKING_URL, or SITE_URL, to such a URL."
        return finding.say(Level.BAD, advice, [finding.expected], expected="")
    if not _is_address(finding.host) and not lookup.addresses(finding.host):
        return finding.say(Level.BAD, "This name has no address, so no link works.")
    return finding.say(Level.GOOD, "Links and one-click unsubscribe use https.")


def _is_local(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
