"""What DNS should say about a sending domain, and whether it does. Knows no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from delivery.records import hosts
from delivery.records.authentication import DmarcJudge, KeyJudge
from delivery.records.findings import Finding, Kind, Row
from delivery.records.lookup import Lookup
from delivery.records.spf import Judge as SpfJudge

THREADS = 8  # slow servers are waited for at the same time


@dataclass(frozen=True)
class Key:
    """A DKIM key as DNS should show it."""

    host: str
    record: str
    signs: bool
    waits: bool


@dataclass(frozen=True)
class MailServer:
    """Where messages are handed over."""

    host: str
    encrypted: bool


@dataclass(frozen=True)
class Subject:
    """What is examined: a domain, and the installation that sends for it.

    `mechanisms` are those of SPF that our mail servers stand for, e.g. `ip4:192.0.2.1`. `prove`
    says what is wrong with a `tracking_host` that DNS shows; nothing, if it leads here.
    """

    name: str
    bounce_domain: str
    keys: tuple[Key, ...]
    mechanisms: tuple[str, ...]
    mail_servers: tuple[MailServer, ...]
    links_url: str
    tracking_host: str = ""
    prove: Callable[[str], str] = lambda _: "Nobody has asked it."


def unchecked(subject: Subject) -> list[Finding]:
    """What should be there, nobody having looked."""
    return [row.unchecked for row in _rows(subject)]


def examine(subject: Subject, lookup: Lookup) -> list[Finding]:
    """What should be there, and what is."""
    with ThreadPoolExecutor(THREADS) as threads:
        return [*threads.map(lambda row: row.check(lookup), _rows(subject))]


def _rows(subject: Subject) -> Iterator[Row]:
    yield from _spf_rows(subject)
    for key in subject.keys:
        spare = not key.signs and any(other.signs for other in subject.keys)
        row = Finding(Kind.DKIM, "TXT", key.host, key.record)
        yield Row(row, KeyJudge(signs=key.signs, waits=key.waits, spare=spare))
    policy = Finding(Kind.DMARC, "TXT", f"_dmarc.{subject.name}", "v=DMARC1; p=none")
    yield Row(policy, DmarcJudge(subject.name, subject.bounce_domain))
    bounces = Finding(Kind.RETURN_PATH, "MX", subject.bounce_domain, "")
    yield Row(bounces, hosts.judge_mail_exchange)
    if not subject.mechanisms or not all(_is_include(each) for each in subject.mechanisms):
        names = Finding(Kind.PTR, "PTR", subject.mail_servers[0].host, "")
        yield Row(names, hosts.ReverseJudge(subject.mechanisms))
    for server in subject.mail_servers:
        session = Finding(Kind.TLS, "SMTP", server.host, "")
        yield Row(session, hosts.HandOverJudge(encrypted=server.encrypted))
    host = urlsplit(subject.links_url).hostname or ""
    yield Row(Finding(Kind.LINKS, "URL", host, subject.links_url), hosts.judge_links)
    if subject.tracking_host:
        own = Finding(Kind.TRACKING, "CNAME", subject.tracking_host, host)
        yield Row(own, hosts.TrackingJudge(subject.prove))


def _spf_rows(subject: Subject) -> Iterator[Row]:
    """Of the return path, which receivers ask; of the name itself some ask, too."""
    expected = " ".join(["v=spf1", *(subject.mechanisms or ("mx",)), "~all"])
    for host in dict.fromkeys((subject.bounce_domain, subject.name)):
        judge = SpfJudge(subject.mechanisms, required=host == subject.bounce_domain)
        yield Row(Finding(Kind.SPF, "TXT", host, expected), judge)


def _is_include(mechanism: str) -> bool:
    """Whether somebody else's addresses are meant, and their names are somebody else's affair."""
    return mechanism.startswith("include:")
