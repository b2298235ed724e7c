"""The talking part of the SMTP client: replies in, commands out, and who waits for what.

A conversation is a generator: it writes commands and is resumed with each reply, straight from the
socket, so that a reply costs no switch of tasks.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator
from typing import Any, TypeVar, cast

from delivery.replies import Reply, Stage

MAX_LINE, MAX_REPLY = 4096, 65536

T = TypeVar("T")
Conversation = Generator[None, Any, T]


class Ended(Exception):
    """The session is over; raised inside the conversation that it cuts short."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Session(asyncio.BufferedProtocol):
    """A connected server. One conversation at a time; any oddity ends the session for good."""

    def __init__(self) -> None:
        self.stage: Stage = "connect"
        self.ended: Reply | None = None
        self.transport: asyncio.Transport | None = None
        # Ours, because asyncio allocates 256 KB for each read otherwise: 20 us of a message's 130.
        self._buffer = memoryview(bytearray(MAX_REPLY))
        self._partial = b""  # a line not finished yet
        self._head = b""  # the finished lines of a reply not finished yet
        self._greeting = b""  # the one reply that may come before somebody waits for it
        self._conversation: Conversation[Any] | None = None
        self._done: asyncio.Future[Any]

    @property
    def disturbed(self) -> bool:
        """Whether something has arrived that nobody asked for."""
        return bool(self.ended or self._greeting or self._head or self._partial)

    async def ask(self, command: bytes, *, stage: Stage, expect: bytes) -> bytes:
        """Send one command and return its reply. Raises Ended when it starts with anything else."""
        return await self.run(self._question(command, stage, expect))

    async def run(self, conversation: Conversation[T]) -> T:
        """What the conversation returns or raises.

        When the session dies, Ended is raised inside the conversation, which may deal with it.
        Cancelling ends the session.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._done, self._conversation = done, conversation
        self._resume(None)
        if self._greeting:
            greeting, self._greeting = self._greeting, b""
            self._resume(greeting)
        if self.ended:
            self._resume(Ended(self.ended))
        try:
            return await done
        except asyncio.CancelledError:
            self._end(self.silence("gave up waiting for a reply"))
            raise

    def write(self, *parts: bytes) -> None:
        if self.transport and not self.ended:
            self.transport.write(b"".join(parts))

    def silence(self, why: str) -> Reply:
        """The reply that stands for none."""
        return Reply(0, "", why, self.stage)

    def close(self, reply: Reply) -> None:
        """End the session because of `reply`, at once and without a word; the first reason stays.

        For the conversation itself and for those outside of one; `_end` also tells who converses.
        """
        self.ended = self.ended or reply
        if self.transport:
            self.transport.abort()

    def _end(self, reply: Reply) -> None:
        self.close(reply)
        self._resume(Ended(reply))

    def _question(self, command: bytes, stage: Stage, expect: bytes) -> Conversation[bytes]:
        self.stage = stage
        self.write(command)
        raw: bytes = yield
        if not raw.startswith(expect):
            raise Ended(parse(raw, stage=stage))
        return raw

    def _resume(self, news: bytes | Ended | None) -> None:
        """Go on with the conversation: None begins it, bytes are a reply, Ended is the end."""
        if self._conversation is None:
            return
        try:
            if isinstance(news, Ended):
                self._conversation.throw(news)
            else:
                self._conversation.send(news)
        except StopIteration as stop:
            self._conversation = None
            if not self._done.done():
                self._done.set_result(stop.value)
        except Exception as fault:  # noqa: BLE001 -- passed on to whoever awaits the conversation
            self._conversation = None
            self.close(self.silence(str(fault)))
            if not self._done.done():
                self._done.set_exception(fault)

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(self.silence(f"connection lost: {exc}" if exc else "the server hung up"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        *lines, self._partial = (self._partial + self._buffer[:nbytes]).split(b"\n")
        for line in lines:
            if self.ended:
                return
            self._hear(line.rstrip(b"\r"))
        if len(self._partial) > MAX_LINE:
            self._end(self.silence(f"a reply line of more than {MAX_LINE} bytes"))

    def _hear(self, line: bytes) -> None:
        raw = self._head + line
        if not _LINE.match(line) or len(line) > MAX_LINE or line[:3] != raw[:3]:
            self._end(self.silence(f"not an SMTP reply: {line[:80]!r}"))
        elif len(raw) > MAX_REPLY:
            self._end(self.silence(f"a reply of more than {MAX_REPLY} bytes"))
        elif line[3:4] == b"-":
            self._head = raw + b"\n"
        else:
            self._head = b""
            self._heard(raw)

    def _heard(self, raw: bytes) -> None:
        if self._conversation:
            self._resume(raw)
        elif self.stage == "connect" and not self._greeting:
            self._greeting = raw
        else:  # a goodbye, or nonsense: the next reply would be taken for another's
            self._end(parse(raw, stage=self.stage))


_LINE = re.compile(rb"[2-5]\d\d(?:[ -]|$)")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


def parse(raw: bytes, *, stage: Stage) -> Reply:
    """A complete reply, its lines joined by LF, as one line of text that is safe to show."""
    enhanced, texts = "", []
    for line in raw.split(b"\n"):
        text = line[4:].decode("utf-8", "replace")
        if found := _ENHANCED.match(text):
            enhanced, text = found[1], text[found.end() :]
        texts.append(text)
    text = " ".join(texts)[:1000]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return Reply(int(raw[:3]), enhanced, text, stage)
