"""The verbs of transports and their lanes."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from delivery import brakes
from delivery.brakes import Brakes, State
from delivery.models import Lane, SenderIdentity, Transport
from delivery.models.transport import BRAKES
from delivery.transports.smtp import ConnectFailed, Connection, Server
from emailseq.lib import clock, text
from emailseq.lib.encrypted import Secret, Undecipherable
from emailseq.lib.errors import AppError, Invalid, Problem
from emailseq.lib.networks import is_loopback

_RANGES = {
    "port": (1, 65_535),
    "preference": (0, 1_000),
    "weight": (1, 1_000),
    "rate": (0.01, 100_000),
    "domain_rate": (0.01, 100_000),
    "max_connections": (1, 1_000),
    "daily": (1, 1_000_000_000),
}
WHERE = ("host", "port", "tls", "auth", "username", "password")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


class Unusable(AppError):
    """The mail server could not be used; the text has its words."""

    code = "transport_unusable"


def shared_transport() -> Transport:
    """The one that serves all workspaces, made when it is first asked for: EMAIL_URL's."""
    made, _ = Transport.objects.get_or_create(workspace=None, defaults={"name": "EMAIL_URL"})
    return made


@transaction.atomic
def create_transport(
    workspace: Workspace, *, name: str, host: str, by: Actor, password: str = "", **options: Any
) -> Transport:
    """Make a transport of a workspace's own, which then carries its messages.

    `options` are fields of Transport. Raises Invalid with every fault.
    """
    made = Transport(workspace=workspace, name=name, host=host.strip().lower(), **options)
    made.password = Secret.of(password) if password else None
    _check(made, {"name", "host", *options})
    made.save()
    audit.record(workspace, "transport.created", by=by, on=made)
    return made


@transaction.atomic
def update_transport(transport: Transport, *, by: Actor, **changes: Any) -> Transport:
    """Change some of its fields; another way to connect also releases it. Raises Invalid.

    An empty password leaves the one that is stored. The shared one has limits only.
    """
    _lock(transport, by=by)
    if transport.is_shared and (where := {*WHERE, "message_class"} & changes.keys()):
        detail = "EMAIL_URL says where this transport leads."
        raise Invalid([Problem(f"/{name}", "shared", detail) for name in sorted(where)])
    if "password" in changes and (plain := changes.pop("password")):
        changes["password"] = Secret.of(plain)
    for name, value in changes.items():
        setattr(transport, name, value)
    _check(transport, changes)
    transport.save(update_fields=[*changes])
    if changes.keys() & WHERE:
        _brake(transport, brakes.release)
    told = {name: str(value) for name, value in changes.items()}
    _record(transport, "transport.updated", by=by, changes=told)
    return transport


@transaction.atomic
def archive_transport(transport: Transport, *, by: Actor) -> None:
    """Carry nothing by it any more; what waits leaves by the others. Raises Invalid."""
    _lock(transport, by=by)
    if transport.is_shared:
        raise Invalid.field("", "shared", "EMAIL_URL's transport stays; pause it instead.")
    transport.archived_at = clock.now()
    transport.save(update_fields=["archived_at"])
    SenderIdentity.objects.filter(transport=transport).update(transport=None)
    _record(transport, "transport.archived", by=by)


@transaction.atomic
def pause_transport(transport: Transport, *, by: Actor) -> bool:
    """Let nothing leave by it until it is resumed. False when it was paused already."""
    _lock(transport, by=by)
    paused = _brake(transport, lambda lane, now: brakes.pause(lane, f"paused by {by.label}"))
    if paused:
        _record(transport, "transport.paused", by=by)
    return paused


@transaction.atomic
def resume_transport(transport: Transport, *, by: Actor) -> bool:
    """Open it, whatever it was closed for. False when it was open already."""
    _lock(transport, by=by)
    resumed = _brake(transport, brakes.release)
    if resumed:
        _record(transport, "transport.resumed", by=by)
    return resumed


@transaction.atomic
def release_lane(lane: Lane, *, by: Actor) -> bool:
    """Open a lane and forget its trouble. False when it was open already."""
    _lock(lane.transport, by=by)
    found = Lane.objects.select_for_update().get(pk=lane.pk)
    released = found.state != State.OPEN
    found.brakes = brakes.release(found.brakes, now=clock.db_now())
    found.save()
    if released:
        changes = {"lane": lane.domain_group, "was": lane.reason}
        _record(lane.transport, "lane.released", by=by, changes=changes)
    return released


def test_transport(transport: Transport, *, by: Actor) -> str:
    """Connect, say hello, sign in and leave again. Raises Unusable with the server's words."""
    server = server_of(transport, shared=shared_server())
    try:
        asyncio.run(_visit(server))
    except ConnectFailed as failed:
        raise Unusable(f"{server.host} at {failed.reply.stage}: {failed.reply}") from failed
    _record(transport, "transport.tested", by=by)
    return f"{server.host} lets us in."


@transaction.atomic
def choose_transport(
    sender: SenderIdentity, *, transport: Transport | None, by: Actor
) -> SenderIdentity:
    """Say which transport alone carries a sender's messages; None is any of the workspace's.

    Raises Invalid for one that the workspace may not use.
    """
    if transport and transport.workspace_id not in (None, sender.workspace_id):
        raise Invalid.field("transport", "not_found", "There is no such transport.")
    sender.transport = transport
    sender.save(update_fields=["transport"])
    changes = {"transport": str(transport or "")}
    audit.record(sender.workspace_id, "sender.updated", by=by, on=sender, changes=changes)
    return sender


def shared_server() -> Server:
    """Where EMAIL_URL leads."""
    return Server(**asdict(settings.EMAIL_URL), helo=socket.getfqdn())


def server_of(transport: Transport, *, shared: Server) -> Server:
    """How to connect; `shared` is where the transport of all workspaces leads."""
    if transport.is_shared:
        return shared
    password = fault = ""
    try:
        password = transport.password.reveal() if transport.password else ""
    except Undecipherable as error:
        fault = str(error)
    where: dict[str, Any] = {name: getattr(transport, name) for name in WHERE}
    allowed = f"{transport.host}:{transport.port}" in settings.TRANSPORT_ALLOWED_HOSTS
    return Server(
        **{**where, "password": password}, helo=shared.helo, guarded=not allowed, fault=fault
    )


async def _visit(server: Server) -> None:
    connection = await Connection.open(server)
    await connection.aclose()


def _lock(transport: Transport, *, by: Actor) -> None:
    """Lock a row. Raises Invalid when it is not for a single workspace to change."""
    Transport.objects.select_for_update(no_key=True).get(pk=transport.pk)
    if transport.is_shared and by.kind != "command" and Workspace.objects.count() > 1:
        detail = "All workspaces share this transport: `manage.py transport` changes it."
        raise Invalid.field("", "shared", detail)


def _brake(transport: Transport, act: Callable[..., Brakes]) -> bool:
    """Do something to the brakes of a transport as a whole; whether its state has changed."""
    now = clock.db_now()
    lane, _ = Lane.objects.select_for_update().get_or_create(
        transport=transport,
        message_class="",
        domain_group="",
        defaults={name: getattr(Brakes.new(now), name) for name in BRAKES},
    )
    before = lane.state
    lane.brakes = act(lane.brakes, now=now)
    lane.save()
    return lane.state != before


def _record(
    transport: Transport, verb: str, *, by: Actor, changes: Mapping[str, Any] | None = None
) -> None:
    """What is done to the shared one concerns all workspaces."""
    own = [transport.workspace_id] if transport.workspace_id else []
    for workspace_id in own or Workspace.objects.values_list("pk", flat=True):
        audit.record(workspace_id, verb, by=by, on=transport, changes=changes)


def _check(transport: Transport, names: Collection[str]) -> None:
    """Raise Invalid with every fault of the fields called `names`, and of how they go together."""
    text.check(name=transport.name)
    problems = [
        Problem(f"/{name}", "out_of_range", f"A number from {least:g} to {most:g}.")
        for name, (least, most) in _RANGES.items()
        if name in names
        and (value := getattr(transport, name)) is not None
        and not least <= value <= most
    ]
    if not transport.is_shared and not _HOST.fullmatch(transport.host):
        problems.append(Problem("/host", "invalid_host", "A host name, such as smtp.example.com."))
    in_clear = transport.tls == Transport.Tls.NONE and not is_loopback(transport.host)
    if transport.username and in_clear:
        detail = "Credentials are not sent without TLS."
        problems.append(Problem("/tls", "credentials_in_clear", detail))
    if transport.auth == Transport.Auth.XOAUTH2 and not transport.password:
        problems.append(Problem("/password", "required", "XOAUTH2 needs an access token."))
    if problems:
        raise Invalid(problems)
