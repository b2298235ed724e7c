"""A pump against a real sink, run to the end inside a test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from delivery import engine
from delivery.sink import Sink
from delivery.transports.smtp import Server


class Wire:
    """`send()` pumps what is due; `journal` is what the receiving side has accepted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(
        self,
        *,
        pumps: int = 1,
        seconds: float = 0.4,
        others: Iterable[Sink] = (),
        login: tuple[str, str] = ("", ""),
        **moods: Any,
    ) -> int:
        """Pump for so long, with a sink in these moods and those that other transports lead to."""
        return asyncio.run(self._send(pumps, seconds, others, login, moods))

    async def _send(
        self,
        pumps: int,
        seconds: float,
        others: Iterable[Sink],
        login: tuple[str, str],
        moods: dict[str, Any],
    ) -> int:
        username, password = login
        async with AsyncExitStack() as stack:
            for other in others:
                await stack.enter_async_context(other)
            mine = Sink(journal=self.path, keep=self._folder / "mail", **moods)
            sink = await stack.enter_async_context(mine)
            server = Server(
                host=sink.host,
                port=sink.port,
                helo="test.example",
                username=username,
                password=password,
            )
            sent = [
                engine.pump(server, seconds=seconds, stopping=lambda: False) for _ in range(pumps)
            ]
            total = sum(await asyncio.gather(*sent))
            self.visits = sink.visits
            return total

    @property
    def path(self) -> Path:
        return self._folder / "journal.jsonl"

    @property
    def journal(self) -> list[dict]:
        return [entry for entry in self.decisions if entry["code"] == 250]

    @property
    def decisions(self) -> list[dict]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    @property
    def recipients(self) -> list[str]:
        return sorted(entry["rcpt"] for entry in self.journal)

    @property
    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self._folder / "mail").glob("*.eml"))]
