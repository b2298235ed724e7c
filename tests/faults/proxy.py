"""A line between two processes that can be cut, slowed down and left open without a sound."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Upstream = Path | int  # a Unix socket, or a port of this machine


class Proxy:
    """Listens on `port` and passes everything on, until it is told otherwise.

    The hands (`cut`, `heal`, `hush`, `delay`) may be used from any thread.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._lines: set[asyncio.StreamWriter] = set()
        self._may_pass = asyncio.Event()
        self._refuses = False
        self.delay = 0.0  # seconds that each piece takes
        self.accepted = self.refused = 0

    def cut(self) -> None:
        """End every line, and let no new one in."""
        self._refuses = True
        self._loop.call_soon_threadsafe(self._cut)

    def hush(self) -> None:
        """Half open: both ends believe in the line, and nothing passes."""
        self._loop.call_soon_threadsafe(self._may_pass.clear)

    def heal(self) -> None:
        """New lines are let in, and pass everything; those that were hushed stay dead."""
        self._refuses = False
        self._loop.call_soon_threadsafe(self._heal)

    def _cut(self) -> None:
        for writer in list(self._lines):
            writer.transport.abort()

    def _heal(self) -> None:
        if not self._may_pass.is_set():
            self._cut()
        self._may_pass.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            self.refused += 1
            writer.transport.abort()
            return
        self.accepted += 1
        self._lines.add(writer)
        try:
            there = await self._dial()
        except OSError:
            writer.transport.abort()
            self._lines.discard(writer)
            return
        self._lines.add(there[1])
        await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        self._lines -= {writer, there[1]}

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, Path):
            return await asyncio.open_unix_connection(str(self._upstream))
        return await asyncio.open_connection("127.0.0.1", self._upstream)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._may_pass.wait()
                target.write(data)
                await target.drain()
        with contextlib.suppress(OSError, RuntimeError):
            target.close()

    async def _serve(self, started: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._may_pass.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        started()
        await self._stop.wait()
        server.close()
        self._cut()

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        started = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(started.set)), daemon=True)
        thread.start()
        assert started.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(10)
