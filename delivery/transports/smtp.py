"""SMTP (RFC 5321) with PIPELINING (RFC 2920): one round trip and one write per message.

Behind the dot of a message goes the envelope of the next, in the same write:

    us      body 1 .   MAIL 2  RCPT 2  DATA 2
    server  250        250     250     354        then: body 2 .  MAIL 3 ...

A body is written only after the 354 to its own DATA, so at any instant at most one message of a
connection has left without an answer. Each message ends in exactly one of four outcomes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import re
import socket
import ssl
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from delivery.replies import Reply, Stage
from delivery.transports.conversation import Conversation, Ended, Session, parse
from emailseq.lib.networks import is_public

__all__ = [
    "ConnectFailed",
    "Connection",
    "Envelope",
    "Reply",
    "Result",
    "Server",
    "WireOutcome",
    "boot_time",
]


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where to hand over. `tls` is a demand: nothing falls back to clear text.

    Certificates are checked against the system's authorities; SSL_CERT_FILE names others. Of
    `auth` the mechanism is demanded, too; for XOAUTH2 the password is an access token. What is
    `guarded` leads to the public internet or nowhere. `fault` says why nobody can connect.
    """

    host: str
    port: int
    helo: str
    username: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["none", "starttls", "implicit"] = "none"
    auth: Literal["", "plain", "login", "xoauth2"] = ""
    guarded: bool = False
    fault: str = ""


class Envelope(NamedTuple):
    """`data` is the complete message with CRLF line ends, not dot-stuffed."""

    id: int
    sender: str
    recipient: str
    data: bytes


class WireOutcome(StrEnum):
    ACCEPTED = "accepted"  # the dot was answered by 2xx
    REFUSED = "refused"  # a definite 4xx or 5xx, or an objection of our own: it did not leave
    UNSENT = "unsent"  # the session ended before its dot: it did not leave
    IN_DOUBT = "in_doubt"  # its dot may have been written, and no reply was read


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the envelope `id`. Where nobody answered, `reply` has code 0 and says why."""

    id: int
    outcome: WireOutcome
    reply: Reply


class ConnectFailed(Exception):
    """No usable session; `reply` says at which stage, and why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.stage}: {reply}")
        self.reply = reply


def boot_time() -> float:
    """Seconds since boot, asleep or awake: the clock by which a wire mark ages."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Connection:
    """One session with a server, used by one task at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session = Session()
        self._extensions: dict[str, str] = {}
        self._pipelines = False

    @classmethod
    async def open(cls, server: Server, *, deadline: float = 10.0) -> Connection:
        """A session greeted, encrypted and authenticated within `deadline` seconds in all.

        Credentials travel over TLS or on loopback only. Raises ConnectFailed.
        """
        connection = cls(server)
        session = connection._session
        try:
            if server.fault:
                raise Ended(Reply(535, "", server.fault, "auth"))
            async with asyncio.timeout(deadline):
                await connection._connect()
        except Ended as ended:
            session.close(ended.reply)
            raise ConnectFailed(ended.reply) from None
        except OSError as error:  # as are TimeoutError and all that ssl raises
            timed_out = isinstance(error, TimeoutError)
            silent = f"no session within {deadline:g} s" if timed_out else "the server hung up"
            reply = session.silence(str(error) or silent)
            session.close(reply)
            raise ConnectFailed(reply) from error
        except asyncio.CancelledError:
            session.close(session.silence("cancelled"))
            raise
        return connection

    @property
    def alive(self) -> bool:
        """Whether the session may take another batch."""
        return not self._session.disturbed

    async def send(
        self,
        batch: Sequence[Envelope],
        *,
        report: Callable[[Result], None],
        announce: Callable[[int], None] = lambda message_id: None,
        deadline: float = 60.0,
        write_until: float = math.inf,
    ) -> None:
        """Hand over the batch, one recipient per transaction; `report` hears one Result for each.

        `announce` hears the id of a message before the first byte of its body is written.
        Each transaction has `deadline` seconds of wall clock, however the server dribbles. No body
        is written after `write_until` (on `boot_time`), for a wire mark that old binds nobody.
        Both, like a 421, end the session. When cancelled, the rest is reported before that
        propagates; no result is ever lost.
        """
        pending = _Batch(report, announce)
        for envelope in batch:
            if objection := self._objection(envelope):
                report(Result(envelope.id, WireOutcome.REFUSED, objection))
            else:
                pending.left.append(envelope)
        now = asyncio.get_running_loop().time
        with contextlib.suppress(TimeoutError):  # by then every envelope has its result
            async with asyncio.timeout(None) as clock:

                def renew() -> None:
                    clock.reschedule(now() + deadline)

                await self._session.run(self._transactions(pending, renew, write_until))

    async def aclose(self) -> None:
        """End the session politely, within 2 seconds."""
        if self.alive:
            with contextlib.suppress(TimeoutError, Ended):
                async with asyncio.timeout(2):
                    await self._session.ask(b"QUIT\r\n", stage=self._session.stage, expect=b"2")
        self._session.close(self._session.silence("closed by us"))

    # Opening

    async def _connect(self) -> None:
        implicit = self._server.tls == "implicit"
        await asyncio.get_running_loop().create_connection(
            lambda: self._session,
            await self._address() if self._server.guarded else self._server.host,
            self._server.port,
            ssl=ssl.create_default_context() if implicit else None,
            server_hostname=self._server.host if implicit else None,
        )
        await self._ask("", stage="connect", expect=b"220")
        await self._greet()
        if self._server.tls == "starttls":
            await self._encrypt()
            await self._greet()
        if self._server.username:
            await self._authenticate()

    async def _address(self) -> str:
        """The address to connect to, resolved once; all that it has must be public."""
        found = await asyncio.get_running_loop().getaddrinfo(
            self._server.host, self._server.port, type=socket.SOCK_STREAM
        )
        addresses = [str(each[4][0]).partition("%")[0] for each in found]
        if not all(map(is_public, addresses)):
            raise self._gives_up(f"{self._server.host} is not on the public internet")
        return addresses[0]

    async def _ask(self, command: str, *, stage: Stage, expect: bytes) -> bytes:
        line = f"{command}\r\n".encode() if command else b""
        return await self._session.ask(line, stage=stage, expect=expect)

    async def _greet(self) -> None:
        raw = await self._ask(f"EHLO {self._server.helo}", stage="ehlo", expect=b"250")
        lines = raw.decode("ascii", "replace").upper().split("\n")[1:]
        offers = (line[4:].strip().partition(" ") for line in lines)
        self._extensions = {keyword: values for keyword, _, values in offers}
        self._pipelines = "PIPELINING" in self._extensions

    async def _encrypt(self) -> None:
        self._session.stage = "tls"
        if "STARTTLS" not in self._extensions:
            raise self._gives_up("the server does not offer STARTTLS")
        await self._ask("STARTTLS", stage="tls", expect=b"220")
        transport = self._session.transport
        if transport is None or self._session.disturbed:
            # Perhaps by somebody on the way, to have clear text read as if it came encrypted.
            raise self._gives_up("the session was disturbed before TLS began")
        self._session.transport = await asyncio.get_running_loop().start_tls(
            transport,
            self._session,
            ssl.create_default_context(),
            server_hostname=self._server.host,
        )

    async def _authenticate(self) -> None:
        self._session.stage = "auth"
        if self._server.tls == "none" and not self._on_loopback():
            raise self._gives_up("credentials are not sent without TLS")
        offered = self._extensions.get("AUTH", "").lower().split()
        wanted = [self._server.auth] if self._server.auth else ["plain", "login"]
        mechanism = next((each for each in wanted if each in offered), None)
        if mechanism is None and self._server.auth:
            raise self._gives_up(f"the server does not offer AUTH {self._server.auth.upper()}")
        if mechanism is None:
            raise self._gives_up("the server offers neither AUTH PLAIN nor AUTH LOGIN")
        username, password = self._server.username, self._server.password
        if mechanism == "plain":
            await self._say_who("PLAIN", f"\0{username}\0{password}")
        elif mechanism == "xoauth2":
            await self._say_who("XOAUTH2", f"user={username}\1auth=Bearer {password}\1\1")
        else:
            await self._ask("AUTH LOGIN", stage="auth", expect=b"334")
            await self._ask(_encoded(username), stage="auth", expect=b"334")
            await self._ask(_encoded(password), stage="auth", expect=b"235")

    async def _say_who(self, mechanism: str, proof: str) -> None:
        raw = await self._ask(f"AUTH {mechanism} {_encoded(proof)}", stage="auth", expect=b"")
        if raw.startswith(b"334"):  # XOAUTH2: says what is wrong, and refuses once that is answered
            raw = await self._session.ask(b"\r\n", stage="auth", expect=b"")
        if not raw.startswith(b"235"):
            raise Ended(parse(raw, stage="auth"))

    def _on_loopback(self) -> bool:
        if self._session.transport is None:
            return False
        address, *_ = self._session.transport.get_extra_info("peername")
        return ipaddress.ip_address(address).is_loopback

    def _gives_up(self, why: str) -> Ended:
        return Ended(self._session.silence(why))

    # Sending

    def _objection(self, envelope: Envelope) -> Reply | None:
        """Why the envelope cannot be offered here, in the words a server would have used."""
        if envelope.sender and not _PATH.fullmatch(envelope.sender):
            return Reply(501, "5.1.7", "not offered: the sender is not an address", "mail")
        if not _PATH.fullmatch(envelope.recipient):
            return Reply(501, "5.1.3", "not offered: the recipient is not an address", "rcpt")
        if "SMTPUTF8" not in self._extensions and not _is_ascii(envelope):
            return Reply(553, "5.6.7", "not offered: the server does not take SMTPUTF8", "rcpt")
        if envelope.data.replace(b"\r", b"").replace(b"\n", b"\r\n") != envelope.data:
            # SMTP smuggling: some server may take a bare line end for a line end.
            return Reply(554, "5.6.0", "not offered: a bare CR or LF in the message", "data")
        return None

    def _transactions(
        self, batch: _Batch, renew: Callable[[], None], write_until: float
    ) -> Conversation[None]:
        session = self._session
        behind = b""  # goes out in one write with the next envelope: a body, a lone dot or RSET
        try:
            for envelope in (*batch.left, None):
                commands = _commands(envelope) if envelope else ()
                session.write(behind, *(commands if self._pipelines else ()))
                if behind:
                    yield from self._hear_dot(batch, reset=behind is RESET)
                renew()
                if envelope:
                    behind = yield from self._offer(batch, commands)
                    if batch.dotted and boot_time() > write_until:
                        batch.dotted = False
                        raise self._gives_up("the wire mark has grown too old")
        except Ended as ended:
            session.close(ended.reply)
            batch.give_up(ended.reply)

    def _offer(self, batch: _Batch, commands: Iterable[bytes]) -> Conversation[bytes]:
        """Hear MAIL, RCPT and DATA answered; returns what has to be written behind them.

        RFC 2920 3.1: a server may ask for the body of a message whose only recipient it refused;
        it gets a lone dot. Where DATA was refused as well, RSET ends what MAIL began.
        """
        refusal, raw = None, b""
        for command, (stage, expected) in zip(commands, _EXPECTED, strict=True):
            self._session.stage = stage
            if not self._pipelines:
                self._session.write(command)
            raw = yield
            if not raw.startswith(expected):
                refusal = refusal or _refusal(raw, stage)
                if not self._pipelines:
                    break
        if refusal:
            batch.settle(WireOutcome.REFUSED, refusal)
            return LONE_DOT if raw.startswith(b"354") else RESET
        batch.announce(batch.left[0].id)
        batch.dotted = True
        return _stuffed(batch.left[0].data)

    def _hear_dot(self, batch: _Batch, *, reset: bool) -> Conversation[None]:
        """The reply to the dot of a body settles its message; to a lone dot it means nothing."""
        self._session.stage = "dot"
        reply = parse((yield), stage="dot")
        accepted = 200 <= reply.code < 300
        if batch.dotted:
            if 300 <= reply.code < 400:
                raise Ended(reply)
            batch.settle(WireOutcome.ACCEPTED if accepted else WireOutcome.REFUSED, reply)
        if reply.code == 421 or (reset and not accepted):
            raise Ended(reply)


class _Batch:
    """The envelopes of one `send`, settled in order, each exactly once."""

    def __init__(self, report: Callable[[Result], None], announce: Callable[[int], None]) -> None:
        self.announce = announce
        self.left: deque[Envelope] = deque()
        self.dotted = False  # the dot of left[0] is on its way, and not answered
        self._report = report

    def settle(self, outcome: WireOutcome, reply: Reply) -> None:
        self.dotted = False
        self._report(Result(self.left.popleft().id, outcome, reply))

    def give_up(self, reply: Reply) -> None:
        if self.dotted:
            self.settle(WireOutcome.IN_DOUBT, reply)
        while self.left:
            self.settle(WireOutcome.UNSENT, reply)


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


LONE_DOT, RESET = b".\r\n", b"RSET\r\n"
_EXPECTED: tuple[tuple[Stage, bytes], ...] = (("mail", b"2"), ("rcpt", b"2"), ("data", b"354"))
# Nothing that could end the path or the command; a domain is an A-label by now (RFC 5890).
_PATH = re.compile(r"[!-;=?-~\u00a0-\ud7ff\ue000-\U0010ffff]+@[A-Za-z0-9_.-]+")


def _is_ascii(envelope: Envelope) -> bool:
    return envelope.data.isascii() and envelope.recipient.isascii() and envelope.sender.isascii()


def _commands(envelope: Envelope) -> tuple[bytes, bytes, bytes]:
    options = "" if _is_ascii(envelope) else " SMTPUTF8 BODY=8BITMIME"
    return (
        f"MAIL FROM:<{envelope.sender}>{options}\r\n".encode(),
        f"RCPT TO:<{envelope.recipient}>\r\n".encode(),
        b"DATA\r\n",
    )


def _refusal(raw: bytes, stage: Stage) -> Reply:
    """A refusal of this message; raises Ended where the reply concerns the session instead."""
    reply = parse(raw, stage=stage)
    if reply.code == 421 or reply.code < 400:
        raise Ended(reply)
    return reply


def _stuffed(data: bytes) -> bytes:
    """The message as it goes over the wire: dots doubled (RFC 5321 4.5.2), dot at the end."""
    first = b"." if data.startswith(b".") else b""
    last = LONE_DOT if data.endswith(b"\r\n") or not data else b"\r\n" + LONE_DOT
    return b"".join((first, data.replace(b"\r\n.", b"\r\n.."), last))
