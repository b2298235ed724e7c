"""The API of an ESP: one request for each message, over a connection that is kept.

It serves a pump as `smtp.Connection` does, and tells what became of a message in the same words: an
answer is translated into the reply that a mail server would have given. How an ESP wants to be
asked, and what it answers, is its `Dialect`'s affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, Protocol

import httpx

from delivery.replies import Reply
from delivery.transports.smtp import ConnectFailed, Envelope, Result, WireOutcome, boot_time

MOST_BYTES = 64 * 1024  # of an answer; nobody has more to say about one message
Response = httpx.Response
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_ENDS = (421, 535)  # these concern all that would follow


class Unspeakable(ValueError):
    """The ESP cannot be asked for this message; the text says why."""


class Call(NamedTuple):
    """A message as its ESP wants it: what `httpx` is called with, and how the answer reads.

    Where nobody can tell from the answer whether the message was taken, it reads as code 0.
    """

    request: Mapping[str, Any]
    read: Callable[[Response], Reply]


class Dialect(Protocol):
    """How an account of an ESP is spoken to."""

    def __call__(self, envelope: Envelope) -> Call:
        """Raises Unspeakable."""

    def probe(self) -> Mapping[str, Any] | None:
        """A request that only a valid key gets answered, and that sends nothing; None without."""


@dataclass(frozen=True)
class Account:
    """Where an ESP is asked, and how. `fault` says why nobody can."""

    host: str
    dialect: Dialect = field(repr=False)
    fault: str = ""


class HttpConnection:
    """One connection to an ESP, used by one task at a time."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._ended: Reply | None = None
        self._client = httpx.AsyncClient(
            verify=_certificates(),
            limits=httpx.Limits(max_connections=1),
            timeout=httpx.Timeout(None, connect=10),
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )

    @classmethod
    async def open(cls, account: Account) -> HttpConnection:
        """A connection that is made when it is first needed. Raises ConnectFailed."""
        if account.fault:
            raise ConnectFailed(Reply(535, "", account.fault, "auth"))
        return cls(account)

    @property
    def alive(self) -> bool:
        """Whether it may take another batch."""
        return self._ended is None

    async def send(
        self,
        batch: Sequence[Envelope],
        *,
        report: Callable[[Result], None],
        announce: Callable[[int], None] = lambda message_id: None,
        deadline: float = 60.0,
        write_until: float = math.inf,
    ) -> None:
        """Hand over the batch, one request after the other; `report` hears one Result for each.

        `announce` hears the id of a message before the first byte of its request is written. Each
        has `deadline` seconds of wall clock; none begins after `write_until` (on `boot_time`).
        What was asked and not answered is in doubt. When cancelled, the rest is reported before
        that propagates.
        """
        left = deque(batch)
        try:
            while left and self.alive:
                if boot_time() > write_until:
                    self._ended = Reply(0, "", "the wire mark has grown too old", "mail")
                else:
                    outcome, reply = await self._hand_over(left[0], announce, deadline)
                    report(Result(left.popleft().id, outcome, reply))
        except asyncio.CancelledError:
            self._ended = Reply(0, "", "cancelled", "dot")
            report(Result(left.popleft().id, WireOutcome.IN_DOUBT, self._ended))
            raise
        finally:
            for envelope in left:
                report(Result(envelope.id, WireOutcome.UNSENT, self._ended or _silence("mail")))
            if not self.alive:
                await self._client.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _hand_over(
        self, envelope: Envelope, announce: Callable[[int], None], deadline: float
    ) -> tuple[WireOutcome, Reply]:
        try:
            call = self._account.dialect(envelope)
            request = self._client.build_request(**call.request)
        except (ValueError, TypeError) as error:  # as Unspeakable is
            return WireOutcome.REFUSED, Reply(554, "5.6.0", f"not offered: {error}", "data")
        announce(envelope.id)
        try:
            async with asyncio.timeout(deadline):
                reply = call.read(await self._ask(request))
        except _NOT_REACHED as error:
            self._ended = Reply(0, "", f"not reached: {error}", "connect")
            return WireOutcome.UNSENT, self._ended
        except (httpx.HTTPError, TimeoutError) as error:
            self._ended = Reply(0, "", str(error) or f"no answer within {deadline:g} s", "dot")
            return WireOutcome.IN_DOUBT, self._ended
        if reply.code in _ENDS or not reply.code:
            self._ended = reply
        if 200 <= reply.code < 300:
            return WireOutcome.ACCEPTED, reply
        return (WireOutcome.REFUSED if reply.code else WireOutcome.IN_DOUBT), reply

    async def ask(self, request: Mapping[str, Any], *, deadline: float = 10.0) -> Response:
        """The answer to a request that sends nothing. Raises ConnectFailed."""
        try:
            async with asyncio.timeout(deadline):
                return await self._ask(self._client.build_request(**request))
        except (httpx.HTTPError, TimeoutError) as error:
            raise ConnectFailed(Reply(0, "", str(error) or "no answer", "connect")) from error

    async def _ask(self, request: httpx.Request) -> Response:
        """The answer, or its beginning."""
        answer = await self._client.send(request, stream=True)
        async with contextlib.aclosing(answer):
            body = b""
            async for piece in answer.aiter_raw(MOST_BYTES):
                body += piece
                if len(body) >= MOST_BYTES:
                    break
            return Response(
                answer.status_code,
                headers=answer.headers,
                content=body[:MOST_BYTES],
                request=answer.request,
            )


def refusal(status: int, words: str) -> Reply:
    """An answer that is no success, in the words of a mail server.

    A gateway that heard nothing from behind it (502, 504) does not know whether it was taken.
    """
    said = f"HTTP {status} {' '.join(words.split())}"[:400]
    if status in (502, 504):
        return Reply(0, "", said, "dot")
    if status in (401, 402, 403, 404):  # a key, an account or an address that is not right
        return Reply(535, "", said, "auth")
    if status in (408, 425, 429) or status >= 500 or status < 400:
        return Reply(421, "", said, "mail")
    if status == 413:
        return Reply(552, "5.3.4", said, "data")
    return Reply(550, "5.7.1", said, "mail")


def _silence(stage: Any) -> Reply:
    return Reply(0, "", "the connection has ended", stage)


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()
