"""The API of an ESP: a request for each message, or for a few, over a connection that is kept.

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

MOST_BYTES = 64 * 1024  # of an answer; nobody has more to say about a few messages
ENOUGH_BYTES = 4 * 1024 * 1024  # of messages: no more go along in one request
Response = httpx.Response
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_ENDS = (421, 535)  # these concern all that would follow


class Unspeakable(ValueError):
    """The ESP cannot be asked for this message; the text says why."""


class Call(NamedTuple):
    """Messages as their ESP wants them: what `httpx` is called with, and how the answer reads.

    It reads as a reply for each. Where nobody can tell from the answer whether a message was taken,
    that has code 0.
    """

    request: Mapping[str, Any]
    read: Callable[[Response], Sequence[Reply]]


class Dialect(Protocol):
    """How an account of an ESP is spoken to."""

    most: int  # messages that may go in one request, each of which has an answer of its own

    def __call__(self, envelope: Envelope) -> Call:
        """Raises Unspeakable."""

    def join(self, calls: Sequence[Call]) -> Call:
        """At most `most` calls in one."""

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
        request has `deadline` seconds of wall clock; none begins after `write_until` (on
        `boot_time`). What was asked and not answered is in doubt. When cancelled, the rest is
        reported before that propagates.
        """
        left = deque(batch)
        try:
            while left and self.alive:
                if boot_time() > write_until:
                    self._ended = Reply(0, "", "the wire mark has grown too old", "mail")
                elif calls := self._next_calls(left, report):
                    await self._hand_over(calls, report, announce, deadline)
        finally:
            for envelope in left:
                report(Result(envelope.id, WireOutcome.UNSENT, self._ended or _silence("mail")))
            if not self.alive:
                await self._client.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    def _next_calls(
        self, left: deque[Envelope], report: Callable[[Result], None]
    ) -> dict[int, Call]:
        """Take from `left` what goes in the next request; what the ESP cannot be asked is over."""
        calls, weight, dialect = dict[int, Call](), 0, self._account.dialect
        while left and len(calls) < dialect.most and weight < ENOUGH_BYTES:
            envelope = left.popleft()
            try:
                calls[envelope.id] = dialect(envelope)
                weight += len(envelope.data)
            except (ValueError, TypeError) as error:  # as Unspeakable is
                report(Result(envelope.id, WireOutcome.REFUSED, _not_offered(error)))
        return calls

    async def _hand_over(
        self,
        calls: Mapping[int, Call],
        report: Callable[[Result], None],
        announce: Callable[[int], None],
        deadline: float,
    ) -> None:
        """One request, and what comes of each of its messages."""
        call = self._account.dialect.join(list(calls.values()))
        unknown = WireOutcome.IN_DOUBT
        replies: Sequence[Reply] = [Reply(0, "", "cancelled", "dot")] * len(calls)
        try:
            request = self._client.build_request(**call.request)
            for message_id in calls:
                announce(message_id)
            async with asyncio.timeout(deadline):
                replies = call.read(await self._ask(request))
        except (ValueError, TypeError) as error:  # no request was made of it
            replies = [_not_offered(error)] * len(calls)
        except _NOT_REACHED as error:
            unknown = WireOutcome.UNSENT
            replies = [Reply(0, "", f"not reached: {error}", "connect")] * len(calls)
        except (httpx.HTTPError, TimeoutError) as error:
            why = str(error) or f"no answer within {deadline:g} s"
            replies = [Reply(0, "", why, "dot")] * len(calls)
        finally:
            for message_id, reply in zip(calls, replies, strict=True):
                if reply.code in _ENDS or not reply.code:
                    self._ended = reply
                report(Result(message_id, _outcome(reply, unknown), reply))

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


def _outcome(reply: Reply, unknown: WireOutcome) -> WireOutcome:
    """What an answer says; `unknown` where there is none."""
    if not reply.code:
        return unknown
    return WireOutcome.ACCEPTED if 200 <= reply.code < 300 else WireOutcome.REFUSED


def _not_offered(error: Exception) -> Reply:
    return Reply(554, "5.6.0", f"not offered: {error}", "data")


def _silence(stage: Any) -> Reply:
    return Reply(0, "", "the connection has ended", stage)


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()
