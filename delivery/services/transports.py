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
from delivery import brakes, esps
from delivery.brakes import Brakes, State
from delivery.models import Lane, SenderIdentity, Transport
from delivery.models.transport import BRAKES
from delivery.transports.http import Account, HttpConnection, refusal
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
_SERVER = ("host", "port", "tls", "auth", "username")
WHERE = ("kind", *_SERVER, "password")
OWN = (*WHERE, "callback_secret", "message_class")  # what the shared one has none of
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


_SECRETS = ("password", "callback_secret")


class Unusable(AppError):
    """The mail server could not be used; the text has its words."""

    code = "transport_unusable"


def shared_transport() -> Transport:
    """The one that serves all workspaces, made when it is first asked for: EMAIL_URL's."""
    made, _ = Transport.objects.get_or_create(workspace=None, defaults={"name": "EMAIL_URL"})
    return made


@transaction.atomic
def create_transport(
    workspace: Workspace,
    *,
    name: str,
    by: Actor,
    host: str = "",
    password: str = "",
    callback_secret: str = "",
    **options: Any,
) -> Transport:
    """Make a transport of a workspace's own, which then carries its messages.

    `options` are fields of Transport. Raises Invalid with every fault.
    """
    made = Transport(workspace=workspace, name=name, host=host.strip().lower(), **options)
    _keep(made, password=password, callback_secret=callback_secret)
    _check(made, {"name", "host", *options})
    made.save()
    audit.record(workspace, "transport.created", by=by, on=made)
    return made


@transaction.atomic
def update_transport(transport: Transport, *, by: Actor, **changes: Any) -> Transport:
    """Change some of its fields; another way to connect also releases it. Raises Invalid.

    An empty password or secret leaves the one that is stored. The shared one has limits only.
    """
    _lock(transport, by=by)
    if transport.is_shared and (where := {*OWN} & changes.keys()):
        detail = "EMAIL_URL says where this transport leads."
        raise Invalid([Problem(f"/{name}", "shared", detail) for name in sorted(where)])
    if changes.get("kind", transport.kind) != transport.kind:
        raise Invalid.field("kind", "fixed", "Make another transport for that.")
    secrets = {name: changes.pop(name) for name in _SECRETS if name in changes}
    for name, value in changes.items():
        setattr(transport, name, value)
    _check(transport, changes)
    _keep(transport, **secrets)
    changes |= {name: getattr(transport, name) for name, plain in secrets.items() if plain}
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
    found.released_at = clock.db_now()
    found.brakes = brakes.release(found.brakes, now=found.released_at)
    found.save()
    if released:
        changes = {"lane": lane.domain_group, "was": lane.reason}
        _record(lane.transport, "lane.released", by=by, changes=changes)
    return released


def test_transport(transport: Transport, *, by: Actor) -> str:
    """Connect, say hello, sign in and leave again. Raises Unusable with the server's words."""
    server = server_of(transport, shared=shared_server())
    host = server.host or (transport.esp.host if transport.esp else "")
    try:
        asyncio.run(_try_key(transport) if transport.esp else _visit(server))
    except ConnectFailed as failed:
        raise Unusable(f"{host} at {failed.reply.stage}: {failed.reply}") from failed
    _record(transport, "transport.tested", by=by)
    return f"{host} lets us in."


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


def account_of(transport: Transport) -> Account:
    """How to ask the ESP that it leads to."""
    if (esp := transport.esp) is None:
        raise ValueError(f"{transport.public_id} leads to no ESP")
    key, fault = _password(transport)
    dialect = _dialect(transport, esp, key=key)
    return Account(host=transport.host or esp.host, dialect=dialect, fault=fault)


def server_of(transport: Transport, *, shared: Server) -> Server:
    """How to connect; `shared` is where the transport of all workspaces leads."""
    if transport.is_shared:
        return shared
    password, fault = _password(transport)
    where: dict[str, Any] = {name: getattr(transport, name) for name in _SERVER}
    guarded = not _is_allowed(transport)
    return Server(**where, password=password, helo=shared.helo, guarded=guarded, fault=fault)


def _password(transport: Transport) -> tuple[str, str]:
    """Its password, and why nobody knows it any more."""
    try:
        return (transport.password.reveal() if transport.password else ""), ""
    except Undecipherable as error:
        return "", str(error)


def _dialect(transport: Transport, esp: esps.Esp, *, key: str) -> esps.Dialect:
    """How the ESP is asked: at its own address, or where the transport says."""
    url, host = "", transport.host
    if host and _is_allowed(transport):
        plain = transport.tls == Transport.Tls.NONE
        url = esps.url_at(esp, host=f"{host}:{transport.port}", plain=plain)
    elif host:
        url = esps.url_at(esp, host=host)
    return esps.Dialect(esp, key=key, name=transport.username, url=url)


def _is_allowed(transport: Transport) -> bool:
    """Whether the operator lets a transport lead there, wherever that is."""
    return f"{transport.host}:{transport.port}" in settings.TRANSPORT_ALLOWED_HOSTS


async def _visit(server: Server) -> None:
    connection = await Connection.open(server)
    await connection.aclose()


async def _try_key(transport: Transport) -> None:
    """Open a page that takes a valid key, where the ESP has one."""
    account = account_of(transport)
    connection = await HttpConnection.open(account)
    try:
        if probe := account.dialect.probe():
            answer = await connection.ask(probe)
            if answer.status_code == 401:
                raise ConnectFailed(refusal(answer.status_code, answer.text))
    finally:
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
    problems = _faults_of_place(transport)
    problems += [
        Problem(f"/{name}", "out_of_range", f"A number from {least:g} to {most:g}.")
        for name, (least, most) in _RANGES.items()
        if name in names
        and (value := getattr(transport, name)) is not None
        and not least <= value <= most
    ]
    in_clear = transport.tls == Transport.Tls.NONE and not is_loopback(transport.host)
    if (transport.username or transport.esp) and in_clear:
        detail = "Credentials are not sent without TLS."
        problems.append(Problem("/tls", "credentials_in_clear", detail))
    if transport.auth == Transport.Auth.XOAUTH2 and not transport.password:
        problems.append(Problem("/password", "required", "XOAUTH2 needs an access token."))
    if problems:
        raise Invalid(problems)


def _keep(transport: Transport, **secrets: str) -> None:
    """Lock up what is given. Raises Invalid for what the ESP can do nothing with."""
    esp, faults = transport.esp, []
    for name, plain in secrets.items():
        if plain:
            setattr(transport, name, Secret.of(plain))
        if plain and esp and not (plain.isascii() and plain.isprintable()):
            faults.append(Problem(f"/{name}", "invalid_characters", "Printable ASCII."))
    told = secrets.get("callback_secret")
    if told and not esp:
        faults.append(Problem("/callback_secret", "no_esp", "A mail server does not call back."))
    elif told and esp and not faults:
        try:
            esps.view_of(esp, told)
        except ValueError as error:
            faults.append(Problem("/callback_secret", "invalid", str(error)))
    if esp and not transport.password:
        faults.append(Problem("/password", "required", "The API key."))
    if faults:
        raise Invalid(faults)


def _faults_of_place(transport: Transport) -> list[Problem]:
    """An API key goes to its ESP alone, or where the operator allows."""
    host, esp = transport.host, transport.esp
    if esp and not re.fullmatch(r"[\w.-]*", transport.username, re.ASCII):
        return [Problem("/username", "invalid", "Letters, digits, dots and hyphens.")]
    if esp and host not in ("", esp.host, *esp.hosts) and not _is_allowed(transport):
        known = ", ".join([esp.host, *sorted(esp.hosts)])
        return [Problem("/host", "unknown_host", f"Leave it empty, or one of: {known}.")]
    if esp or transport.is_shared:
        return []
    if not host:
        return [Problem("/host", "required", "The host name of the mail server.")]
    if not _HOST.fullmatch(host):
        return [Problem("/host", "invalid_host", "A host name, such as smtp.example.com.")]
    return []
