"""From claimed rows of the outbox to complete messages: the "render" in the life of a message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from delivery import dkim, envelope, return_path, tracking
from delivery.dkim import Signer
from delivery.enclosures import File
from delivery.envelope import Letterhead
from delivery.routing import NO_LANE, LaneKey, Place
from delivery.states import MessageClass, SourceKind
from delivery.tracking import Links, Mint
from delivery.transports.smtp import Envelope
from emailseq.lib import localtime, signing
from emailseq.lib.encrypted import Secret
from emailseq.lib.localtime import Window
from subscribers.models import Subscriber
from templates_app import rendering
from templates_app.compiler import Compiled
from templates_app.rendering import Addresses

UTC = ZoneInfo("UTC")
UNFOLLOWED = (SourceKind.CONFIRMATION, SourceKind.NOTICE, SourceKind.TRANSACTIONAL)
NOTHING: Mapping[str, Any] = {}
_READS_DATA = re.compile(r"\{[{%].*\bdata\b", re.DOTALL)


class Told(NamedTuple):
    """What came with one message alone."""

    data: Mapping[str, Any] = NOTHING
    headers: Mapping[str, str] = NOTHING
    expires_at: datetime | None = None
    to_name: str = ""  # instead of the subscriber's
    track: bool = False
    language: str = ""  # instead of the subscriber's
    files: Sequence[File] = ()


UNTOLD = Told()


class MessageKey(NamedTuple):
    """What makes a message this message, however often it is rendered."""

    kind: str
    source_id: int
    step_key: str
    run: int
    subscriber_id: int

    def message_id(self, from_email: str) -> str:
        """Its Message-ID: the same for every copy, so that receivers can fold them."""
        name = f"{self.kind}:{self.source_id}:{self.step_key}:{self.run}:{self.subscriber_id}"
        domain = from_email.rpartition("@")[2]
        return envelope.message_id(_id_key(), name, domain)


@cache
def _id_key() -> bytes:
    return signing.digest("message-id", b"")


class Claimed(NamedTuple):
    """A leased row of the outbox with its recipient, as `claim.sql` returns it."""

    id: int
    workspace_id: int
    kind: str
    source_id: int
    step_key: str
    run: int
    thread: str
    subscriber_id: int
    list_id: int | None
    template_version_id: int
    sender_id: int
    message_class: str
    priority: int
    domain_group: str
    transport_id: int | None  # the only one that its sender allows
    attempts: int
    queued_at: datetime
    email: str
    first_name: str
    last_name: str
    time_zone: str
    fields: Mapping[str, Any]
    limited: bool = False  # they want marketing seldom
    language: str = ""
    lane: LaneKey = NO_LANE  # by which it leaves; the pump decides

    @property
    def key(self) -> MessageKey:
        return MessageKey(self.kind, self.source_id, self.step_key, self.run, self.subscriber_id)

    @property
    def answered(self) -> MessageKey | None:
        """The earlier message of the same run whose thread it continues."""
        return self.key._replace(step_key=self.thread) if self.thread else None

    @property
    def place(self) -> Place:
        return Place(self.priority, self.kind, self.source_id, self.domain_group)

    @property
    def stationery_key(self) -> tuple[str, int, str, int, int | None]:
        return self.kind, self.source_id, self.message_class, self.sender_id, self.list_id


class Stationery(NamedTuple):
    """What all messages of one source, sender and list share."""

    letterhead: Letterhead
    workspace: Mapping[str, str]
    signers: tuple[Signer, ...]
    windows: tuple[Window, ...]
    zone: ZoneInfo
    capped: bool
    mint: Mint
    bounce_domain: str = ""  # where its messages come back to; empty: to the sender


class Letter(NamedTuple):
    """A claimed message, ready for the wire once its signers have signed it."""

    row: Claimed
    envelope: Envelope
    paper: Stationery
    expires_at: datetime | None = None  # not to be sent from then on
    weight: int = 0  # bytes of its files

    @property
    def is_marketing(self) -> bool:
        return self.row.message_class == MessageClass.MARKETING

    @property
    def is_capped(self) -> bool:
        """Whether it is counted how much its reader gets."""
        return self.is_marketing and (self.paper.capped or self.row.limited)

    def may_leave(self, now: datetime) -> datetime:
        """When it may leave, from `now` on: when all windows are open where its reader is.

        Raises NeverOpen.
        """
        windows = self.paper.windows
        if not windows or not self.is_marketing:
            return now
        zone, _ = localtime.zone_or(self.row.time_zone, self.paper.zone)
        return localtime.next_open(windows, now, zone)


def stationery(row: Claimed, shared: Mapping[str, Any]) -> Stationery:
    """The stationery of a row; `shared` is the row of `stationery.sql` that belongs to it.

    Raises Undecipherable for a key that FIELD_KEYS does not open: better nothing leaves than a
    message that its own domain disowns.
    """
    domain = shared["from_email"].rpartition("@")[2]
    workspace_slug = shared["workspace_slug"]
    list_id = None
    if shared["list_slug"]:
        list_id = shared["list_name"], f"{shared['list_slug']}.{workspace_slug}.{domain}"
    letterhead = Letterhead(
        from_name=shared["from_name"],
        from_email=shared["from_email"],
        reply_to=shared["reply_to"],
        list_id=list_id,
        feedback_id=f"{row.source_id}:{workspace_slug}:{row.kind}:emailseq",
        one_click=row.message_class == MessageClass.MARKETING,
    )
    workspace = {"name": shared["workspace_name"], "postal_address": shared["postal_address"]}
    zone_name = shared["time_zone"]
    windows = (
        *localtime.stored(shared["awake"], zone=zone_name),
        *localtime.stored(shared["window"], zone=zone_name),
    )
    zone, _ = localtime.zone_or(zone_name, UTC)
    host = shared["tracking_host"]
    mint = Mint(f"https://{host}" if host else settings.TRACKING_URL)
    back_to = shared["bounce_domain"] if return_path.is_possible() else ""
    return Stationery(
        letterhead, workspace, signers(shared), windows, zone, shared["capped"], mint, back_to or ""
    )


def signers(shared: Mapping[str, Any]) -> tuple[Signer, ...]:
    """Who signs, as `stationery.sql` says. Raises Undecipherable as above."""
    return tuple(
        Signer.of(shared["signing_domain"], selector, Secret(token).reveal())
        for selector, token in shared["signing_keys"] or ()
    )


def write(
    row: Claimed,
    paper: Stationery,
    compiled: Compiled,
    *,
    recipient: str,
    now: datetime,
    told: Told = UNTOLD,
) -> Letter:
    """The message for a row, not signed yet, to be handed over for `recipient`.

    Deterministic but for its Date. Raises RenderError.
    """
    compiled = compiled.spoken_to(told.language or row.language)
    context = {"subscriber": subscriber_fields(row), "workspace": paper.workspace}
    if told.data:
        context["data"] = told.data
    if row.kind in UNFOLLOWED:
        addresses = _unfollowed(row, compiled, context, paper.mint.base_url, track=told.track)
    else:
        addresses = paper.mint.addresses(
            row.id, links=len(compiled.links), trapped=paper.letterhead.one_click
        )
    if compiled.leads_to_preferences:  # few do, and a signature of its own takes its time
        addresses = _with_preferences(addresses, row, paper.mint.base_url)
    parts, sender = rendering.render(compiled, context, addresses), paper.letterhead.from_email
    bounce, leave = _ways_back(row, paper)
    data = envelope.assemble(
        paper.letterhead,
        to_name=told.to_name or f"{row.first_name} {row.last_name}".strip(),
        to_email=row.email,
        subject=parts.subject,
        date=now,
        message_id=row.key.message_id(sender),
        answers=row.answered.message_id(sender) if row.answered else "",
        unsubscribe_url=addresses.links.get("unsubscribe"),
        unsubscribe_by_mail=leave,
        text_qp=parts.text_qp,
        html_qp=parts.html_qp,
        headers=told.headers,
        files=told.files,
    )
    wrapped = Envelope(row.id, bounce or sender, recipient, data)
    weight = sum(len(file.content) for file in told.files)
    return Letter(row, wrapped, paper, told.expires_at, weight)


def _ways_back(row: Claimed, paper: Stationery) -> tuple[str, str]:
    """The addresses of a message for bounces and for leaving by mail, where it has them."""
    if not paper.bounce_domain:
        return "", ""
    given: Any = {
        "message_id": row.id,
        "address_tag": return_path.tag(row.email.lower()),
        "domain": paper.bounce_domain,
    }
    leave = return_path.UNSUBSCRIBE if paper.letterhead.one_click else ""
    return (
        return_path.write(return_path.BOUNCE, **given),
        return_path.write(leave, **given) if leave else "",
    )


def _with_preferences(addresses: Addresses, row: Claimed, base_url: str) -> Addresses:
    url = tracking.preferences(
        base_url, subscriber_id=row.subscriber_id, message_id=row.id, at=row.queued_at
    )
    return addresses._replace(links={**addresses.links, "preferences": url})


def _unfollowed(
    row: Claimed, compiled: Compiled, context: Mapping[str, Any], base_url: str, *, track: bool
) -> Addresses:
    """The addresses of a message that nobody follows, such as one that asks for a yes.

    Whoever wants to `track` it hears of opens and clicks, but for links that read `data`: these are
    keys and the like, which are none of ours and will be forgotten.
    """
    links = Links(base_url, row.id)
    ours = {"confirm": links.confirm, "not_me": links.not_me}
    addresses = rendering.untracked(compiled, context, links=ours)
    if not track:
        return addresses
    ends = [
        end if _READS_DATA.search(link) else rendering.address(links.click(number))
        for number, (link, end) in enumerate(zip(compiled.links, addresses.ends, strict=True))
    ]
    return addresses._replace(ends=ends, pixel=rendering.address(links.open_pixel))


def sign(letters: Iterable[Letter], *, now: datetime) -> list[Letter]:
    """The letters, each signed by the domain it comes from.

    RSA takes as long as the rendering, and OpenSSL lets other threads run meanwhile: use one.
    """
    return [_signed(letter, now) if letter.paper.signers else letter for letter in letters]


def _signed(letter: Letter, now: datetime) -> Letter:
    data = dkim.sign(letter.envelope.data, letter.paper.signers, at=now)
    return letter._replace(envelope=letter.envelope._replace(data=data))


def subscriber_fields(row: Claimed | Subscriber) -> dict[str, Any]:
    """The merge fields `subscriber.*`; the built-in names win over custom fields.

    An empty text is no value, or `{% if subscriber.first_name %}` would hold for everybody.
    """
    custom = row.fields
    if "" in custom.values():
        custom = {key: value for key, value in custom.items() if value != ""}
    return {
        **custom,
        "email": row.email,
        "first_name": row.first_name or None,
        "last_name": row.last_name or None,
        "time_zone": row.time_zone or None,
    }


def context_of(subscriber: Subscriber) -> dict[str, Any]:
    """The merge fields of one person, outside a batch: for the target of a link, for a preview."""
    workspace = subscriber.workspace
    return {
        "subscriber": subscriber_fields(subscriber),
        "workspace": {"name": workspace.name, "postal_address": workspace.postal_address},
    }
