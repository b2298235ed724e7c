"""A pump against a real sink, run to the end inside a test."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from delivery import engine
from delivery.sink import Sink
from delivery.transports.smtp import Server


class Wire:
    """`send()` pumps what is due; `journal` is what the receiving side has accepted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, *, pumps: int = 1, seconds: float = 0.4, latency: float = 0.0) -> int:
        return asyncio.run(self._send(pumps, seconds, latency))

    async def _send(self, pumps: int, seconds: float, latency: float) -> int:
        mail = self._folder / "mail"
        async with Sink(journal=self.path, keep=mail, latency=latency) as sink:
            server = Server(host=sink.host, port=sink.port, helo="test.example")
            sent = [
                engine.pump(server, seconds=seconds, stopping=lambda: False) for _ in range(pumps)
            ]
            return sum(await asyncio.gather(*sent))

    @property
    def path(self) -> Path:
        return self._folder / "journal.jsonl"

    @property
    def journal(self) -> list[dict]:
        if not self.path.exists():
            return []
        entries = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [entry for entry in entries if entry["code"] == 250]

    @property
    def recipients(self) -> list[str]:
        return sorted(entry["rcpt"] for entry in self.journal)

    @property
    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self._folder / "mail").glob("*.eml"))]
