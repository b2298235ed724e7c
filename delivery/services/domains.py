"""The verbs of sending domains: made, checked against DNS, given new keys."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http.request import validate_host
from dns.resolver import Resolver

from accounts import audit
from accounts.audit import SYSTEM, Actor
from accounts.models import Workspace
from delivery import dkim, kinds, tracking_hosts
from delivery.models import DkimKey, SendingDomain, Transport
from delivery.records.examine import Key, MailServer, Subject, examine, unchecked
from delivery.records.findings import OF_THE_DOMAIN, Finding, Kind, Level
from delivery.records.lookup import Lookup, make_resolver
from delivery.states import DOMAIN_MOVES, KEY_MOVES, DomainState, KeyAlgorithm, KeyState
from emailseq.lib import addresses, clock
from emailseq.lib.encrypted import Secret
from emailseq.lib.errors import Invalid
from emailseq.lib.state import move_one
from emailseq.lib.unique import taken
from subscribers import events
from subscribers.events import NewEvent


def parse_domain(name: str, *, field: str = "name") -> str:
    """A domain name as an A-label (IDNA 2008). Raises Invalid."""
    try:
        return addresses.parse(f"postmaster@{name.strip().rstrip('.')}").email.partition("@")[2]
    except addresses.BadAddress:
        detail = f"“{name}” is no domain name such as news.example.com."
        raise Invalid.field(field, "invalid_domain", detail) from None


@transaction.atomic
def create_domain(
    workspace: Workspace, *, name: str, by: Actor, bounce_domain: str = "", tracking_host: str = ""
) -> SendingDomain:
    """Make a domain known, with a first key; it signs as soon as a check finds that in DNS.

    Bounces go to `bounce.<name>` unless told otherwise; links lead by the `tracking_host`, once a
    check has found that it leads here. Raises Invalid and Conflict.
    """
    name = parse_domain(name)
    domain = SendingDomain(workspace=workspace, name=name)
    domain.tracking_host = _tracking_host(domain, tracking_host)
    domain.bounce_domain = _bounce_domain(domain, bounce_domain or f"bounce.{name}")
    with taken("sending domain", name):
        domain.save()
    audit.record(workspace, "domain.created", by=by, on=domain)
    _make_key(domain, KeyAlgorithm.RSA_2048, by=by)
    return domain


@transaction.atomic
def update_domain(
    domain: SendingDomain,
    *,
    by: Actor,
    bounce_domain: str | None = None,
    tracking_host: str | None = None,
) -> SendingDomain:
    """Send bounces somewhere else, or let links lead by another host ('': by none of its own).

    DNS is asked about that within minutes. What has left leads nowhere without its host. Raises
    Invalid.
    """
    changes: dict[str, Any] = {}
    if bounce_domain is not None:
        changes["bounce_domain"] = _bounce_domain(domain, bounce_domain)
    if tracking_host is not None:
        changes["tracking_host"] = _tracking_host(domain, tracking_host)
    changes = {name: value for name, value in changes.items() if value != getattr(domain, name)}
    if not changes:
        return domain
    fresh: dict[str, Any] = {"checked_at": None}
    if "tracking_host" in changes:
        fresh |= {"tracking_ready": False, "tracking_proved_at": None}
    for name, value in {**changes, **fresh}.items():
        setattr(domain, name, value)
    domain.save(update_fields=[*changes, *fresh])
    _expect(domain)
    audit.record(domain.workspace_id, "domain.updated", by=by, on=domain, changes=changes)
    return domain


@transaction.atomic
def delete_domain(domain: SendingDomain, *, by: Actor) -> None:
    """Forget a domain and its keys; messages from it are not signed any more."""
    audit.record(domain.workspace_id, "domain.deleted", by=by, on=domain)
    domain.delete()


@transaction.atomic
def rotate_key(
    domain: SendingDomain, *, by: Actor, algorithm: str = KeyAlgorithm.RSA_2048
) -> DkimKey:
    """Make the next key of an algorithm, or say which one waits for DNS already.

    Nothing is signed with it before a check has found its record; the key that it replaces stays
    published for a week. With a key of each algorithm messages are signed twice.
    """
    SendingDomain.objects.select_for_update().get(pk=domain.pk)
    waiting = domain.keys.filter(algorithm=algorithm, state=KeyState.NEW).first()
    return waiting or _make_key(domain, algorithm, by=by)


def check_domain(
    domain: SendingDomain, *, by: Actor, resolver: Resolver | None = None
) -> SendingDomain:
    """Ask DNS about everything, which takes five seconds at most, and act on what it says.

    A new key that is found there signs from now on. Without a red finding of its own the domain is
    verified; with one it fails, if it was verified before.
    """
    lookup = Lookup(resolver or make_resolver(settings.DNS_SERVERS))
    findings = examine(_subject(domain), lookup)
    with transaction.atomic():
        locked = SendingDomain.objects.select_for_update().get(pk=domain.pk)
        _activate_keys(locked, findings, by=by)
        findings = [_tracked(locked, each, by=by) for each in findings]
        _judge(locked, findings, by=by)
        locked.findings, locked.checked_at = [asdict(each) for each in findings], clock.now()
        locked.save(update_fields=["findings", "checked_at"])
    tracking_hosts.refresh()
    domain.refresh_from_db()
    return domain


def check_due(limit: int = 1) -> int:
    """Check domains that nobody has asked about for a day; how many they were.

    The time is noted first, so that one that cannot be checked does not stop the others.
    """
    due = [*SendingDomain.objects.check_due(clock.now())[:limit]]
    for domain in due:
        SendingDomain.objects.filter(pk=domain.pk).update(checked_at=clock.now())
        check_domain(domain, by=SYSTEM)
    return len(due)


@transaction.atomic
def retire_keys() -> int:
    """Destroy the keys that were replaced a week ago; how many they were."""
    due = DkimKey.objects.retirement_due(clock.now()).select_related("domain")
    for key in (keys := [*due]):
        if move_one(key, "retire", KEY_MOVES, private_key=None):
            audit.record(key.domain.workspace_id, "dkim_key.retired", by=SYSTEM, on=key)
    return len(keys)


def _bounce_domain(domain: SendingDomain, name: str) -> str:
    name = parse_domain(name, field="bounce_domain")
    if name != domain.name and not name.endswith(f".{domain.name}"):
        detail = f"Bounces go to {domain.name} or below, or SPF does not count for it."
        raise Invalid.field("bounce_domain", "not_below", detail)
    return name


def _tracking_host(domain: SendingDomain, name: str) -> str:
    if not name.strip():
        return ""
    name = parse_domain(name, field="tracking_host")
    if not name.endswith(f".{domain.name}"):
        detail = f"Links lead by a name below {domain.name}, such as links.{domain.name}."
        raise Invalid.field("tracking_host", "not_below", detail)
    if validate_host(name, settings.ALLOWED_HOSTS):
        detail = f"{name} is a name of this installation: take one that nothing else goes by."
        raise Invalid.field("tracking_host", "taken", detail)
    return name


def _tracked(domain: SendingDomain, finding: Finding, *, by: Actor) -> Finding:
    """Let links lead by the domain's own host when that leads here, and else not; nobody's guess.

    A name leads to one workspace, the first that has proved it.
    """
    if finding.kind != Kind.TRACKING or finding.level == Level.UNKNOWN:
        return finding
    rivals = SendingDomain.objects.filter(tracking_host=domain.tracking_host)
    if rivals.exclude(pk=domain.pk).exclude(tracking_proved_at=None).exists():
        finding = finding.say(Level.BAD, "Another sending domain goes by this name already.")
    ready = finding.level == Level.GOOD
    if ready != domain.tracking_ready:
        verb = "domain.tracking_ready" if ready else "domain.tracking_failing"
        audit.record(domain.workspace_id, verb, by=by, on=domain)
    if ready:
        domain.tracking_proved_at = domain.tracking_proved_at or clock.now()
    domain.tracking_ready = ready
    domain.save(update_fields=["tracking_ready", "tracking_proved_at"])
    return finding


def _make_key(domain: SendingDomain, algorithm: str, *, by: Actor) -> DkimKey:
    pem = dkim.new_key(algorithm)
    key = domain.keys.create(
        selector=f"e{clock.now():%Y}{secrets.token_hex(2)}",
        algorithm=algorithm,
        private_key=Secret.of(pem),
        record=dkim.public_record(pem),
    )
    audit.record(domain.workspace_id, "dkim_key.created", by=by, on=key)
    _expect(domain)
    return key


def _expect(domain: SendingDomain) -> None:
    """Note what should be there now, with what was found about it the last time."""
    known = {(each["kind"], each["host"]): each for each in domain.findings}
    wanted = map(asdict, unchecked(_subject(domain)))
    domain.findings = [known.get((each["kind"], each["host"]), each) for each in wanted]
    domain.save(update_fields=["findings"])


def _subject(domain: SendingDomain) -> Subject:
    keys = tuple(
        Key(
            key.host,
            key.record,
            signs=key.state == KeyState.ACTIVE,
            waits=key.state == KeyState.NEW,
        )
        for key in domain.keys.published()
    )
    return Subject(
        name=domain.name,
        bounce_domain=domain.bounce_domain,
        keys=keys,
        mechanisms=settings.SPF_MECHANISMS,
        mail_servers=_mail_servers(domain.workspace),
        links_url=settings.TRACKING_URL,
        tracking_host=domain.tracking_host,
        prove=tracking_hosts.prove,
    )


def _mail_servers(workspace: Workspace) -> tuple[MailServer, ...]:
    """Where the workspace's messages may be handed over."""
    shared = MailServer(settings.EMAIL_URL.host, encrypted=settings.EMAIL_URL.tls != "none")
    own = Transport.objects.of(workspace).in_use().exclude(workspace=None).order_by("id")
    return shared, *(MailServer(each.host, each.tls != Transport.Tls.NONE) for each in own)


def _activate_keys(domain: SendingDomain, findings: Sequence[Finding], *, by: Actor) -> None:
    """Sign with the new keys that DNS shows, and with those that they replace no more."""
    seen = {each.host for each in findings if each.level == Level.GOOD}
    for key in domain.keys.filter(state=KeyState.NEW):
        if key.host not in seen:
            continue
        for old in domain.keys.filter(state=KeyState.ACTIVE, algorithm=key.algorithm):
            move_one(old, "replace", KEY_MOVES, replaced_at=clock.now())
        move_one(key, "activate", KEY_MOVES)
        audit.record(domain.workspace_id, "dkim_key.activated", by=by, on=key)


def _judge(domain: SendingDomain, findings: Sequence[Finding], *, by: Actor) -> None:
    """Move the state, unless somebody could not be asked; whoever wants to know hears of it."""
    levels = {each.level for each in findings if each.kind in OF_THE_DOMAIN}
    was = domain.state
    if Level.BAD in levels:
        if was == DomainState.VERIFIED and move_one(domain, "fail", DOMAIN_MOVES):
            audit.record(domain.workspace_id, "domain.failing", by=by, on=domain)
            _tell(domain, kinds.DOMAIN_FAILING)
    elif Level.UNKNOWN not in levels and move_one(domain, "verify", DOMAIN_MOVES):
        audit.record(domain.workspace_id, "domain.verified", by=by, on=domain)
        if was == DomainState.FAILING:
            _tell(domain, kinds.DOMAIN_RECOVERED)


def _tell(domain: SendingDomain, kind: str) -> None:
    about = {"domain": domain.name}
    fact = NewEvent(domain.workspace_id, None, kind, clock.now(), properties=about)
    events.record_many([fact])
