"""The one SMTP sink: the built-in inbox, tests, faults and benchmarks all deliver here.

It takes everything, on loopback only, and journals a message before it says 250, so the journal is
what the receiving side knows: one JSON line per decision, written and never buffered.

    {"at": 1795510803.1, "code": 250, "message_id": "<...>", "from": ..., "rcpt": ..., "size": ..,
     "sha256": of the body}

Code 250 is an accepted message; any other code a refusal, whose message may be unknown. Recipients
script what happens to them, by a tag in the local part:

    ada+f_rcpt_550@          RCPT is answered 550 5.1.1; stages: rcpt, data (the command), dot
    ada+f_dot_452_4.2.2@     with an enhanced code of its own
    ada+f_once_451@          RCPT is answered 451 the first time this address is seen
    ada+f_421@               421 at RCPT, and the session is closed (any stage: f_dot_421)
    ada+f_hang@              not accepted, and silence for ever after the dot (or f_rcpt_hang)
    ada+f_drop@              accepted and journalled, then closed without an answer

And the server as a whole has moods, which may change while it runs: `everyone` is a tag for all
recipients without one of their own (once_451 is greylisting), `greeting` and `auth` are answers to
a connection and to AUTH, `most` is how many connections are let in.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import ipaddress
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self, cast


class Script(NamedTuple):
    """What a tagged recipient makes happen: `action` is a code, "hang" or "drop"."""

    stage: str
    action: str
    enhanced: str


class Sink:
    """An SMTP server on loopback; `port` is known once it has started."""

    def __init__(
        self,
        *,
        journal: Path,
        keep: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        everyone: str = "",
        greeting: str = "220 sink ready",
        auth: str = "",
        most: int | None = None,
    ) -> None:
        """Messages are kept in `keep` as <number>.eml; replies take `latency` seconds."""
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"The sink takes anything from anybody: not on {host}, only loopback.")
        self.host, self.port, self.latency = host, port, latency
        self.everyone, self.greeting, self.auth, self.most = everyone, greeting, auth, most
        self.greylisted: set[str] = set()
        self.visits = 0
        self._journal_path, self._keep = journal, keep
        self._sessions: set[_Session] = set()

    async def start(self) -> None:
        self._journal = os.open(self._journal_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self._keep:
            self._keep.mkdir(parents=True, exist_ok=True)
            kept = (int(path.stem) for path in self._keep.glob("*.eml") if path.stem.isdigit())
            self._number = max(kept, default=0)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Session(self, self._sessions), self.host, self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut every session."""
        self._server.close()
        for session in list(self._sessions):
            session.transport.abort()
        await self._server.wait_closed()
        os.close(self._journal)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def accept(self, message: bytes, *, sender: str, recipients: list[str]) -> None:
        """Keep and journal a message, one line per recipient: from here on it has arrived."""
        if self._keep:
            self._number += 1
            part = self._keep / f"{self._number}.part"
            part.write_bytes(message)
            part.rename(part.with_suffix(".eml"))  # no reader meets half a message
        head, _, body = message.partition(b"\r\n\r\n")
        found = _MESSAGE_ID.search(head)
        facts = {
            "message_id": found[1].decode("ascii", "replace") if found else "",
            "from": sender,
            "size": len(message),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        for recipient in recipients:
            self._record(250, rcpt=recipient, **facts)

    def welcome(self) -> str:
        """What a new session hears first."""
        full = self.most is not None and len(self._sessions) > self.most
        return "421 4.7.0 Too many connections" if full else self.greeting

    def script(self, recipient: str) -> Script | None:
        """What happens to a recipient, by its own tag or by that of everyone."""
        return _script(recipient) or (_script(f"+f_{self.everyone}@") if self.everyone else None)

    def refuse(self, code: int, *, sender: str, recipient: str) -> None:
        self._record(code, rcpt=recipient, **{"from": sender})

    def _record(self, code: int, **facts: str | int) -> None:
        line = json.dumps({"at": time.time(), "code": code, **facts})
        os.write(self._journal, f"{line}\n".encode())


class _Session(asyncio.BufferedProtocol):
    def __init__(self, sink: Sink, sessions: set[_Session]) -> None:
        self._sink, self._sessions = sink, sessions
        self._incoming = memoryview(bytearray(65536))
        self._buffer = bytearray()
        self._searched = 0  # no end of the message before this
        self._replies: list[bytes] = []
        self._hung = self._leaving = False
        self._reset()

    def _reset(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._script: Script | None = None
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._sessions.add(self)
        self._sink.visits += 1
        welcome = self._sink.welcome()
        self._say(welcome)
        if not welcome.startswith("220"):
            self._hang_up()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._sessions.discard(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        self._buffer += self._incoming[:nbytes]
        while not self._hung and (self._take_message() if self._in_data else self._take_command()):
            pass
        self._flush()
        if self._hung:
            self._buffer.clear()

    def _flush(self) -> None:
        out, self._replies = b"".join(self._replies), []
        if self._sink.latency:
            loop = asyncio.get_running_loop()
            loop.call_later(self._sink.latency, self._answer, out, self._leaving)
        else:
            self._answer(out, self._leaving)

    def _answer(self, out: bytes, leaving: bool) -> None:
        self.transport.write(out)
        if leaving:
            self.transport.close()

    def _say(self, line: str) -> None:
        self._replies.append(f"{line}\r\n".encode())

    # Commands

    def _take_command(self) -> bool:
        """Answer the next complete line; False when there is none."""
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line = self._buffer[:end].rstrip(b"\r").decode("utf-8", "replace")
        del self._buffer[: end + 1]
        answer = _COMMANDS.get(line[:4].upper())
        if answer:
            answer(self, line)
        else:
            self._say("500 5.5.2 Unknown command")
        return True

    def _ehlo(self, line: str) -> None:
        self._reset()
        offers = b"250-AUTH PLAIN LOGIN\r\n" if self._sink.auth else b""
        self._replies.append(_EXTENSIONS.replace(b"250 ", offers + b"250 "))

    def _auth(self, line: str) -> None:
        self._say(self._sink.auth or "503 5.5.1 Nobody signs in here")

    def _helo(self, line: str) -> None:
        self._reset()
        self._say("250 sink")

    def _mail(self, line: str) -> None:
        found = _PATH.search(line)
        if self._sender is not None or not found:
            self._say("503 5.5.1 Sender already given" if found else "501 5.5.4 No path")
            return
        self._sender = found[1]
        self._say("250 2.1.0 Ok")

    def _rcpt(self, line: str) -> None:
        found = _PATH.search(line)
        if self._sender is None or not found:
            self._say("503 5.5.1 MAIL first" if found else "501 5.5.4 No path")
            return
        recipient = found[1]
        script = self._sink.script(recipient)
        if script and script.stage == "once":
            script = None if recipient in self._sink.greylisted else script._replace(stage="rcpt")
            self._sink.greylisted.add(recipient)
        self._script = script or self._script
        if not self._plays("rcpt", recipient):
            self._recipients.append(recipient)
            self._say("250 2.1.5 Ok")

    def _data(self, line: str) -> None:
        if not self._recipients:
            self._say("554 5.5.1 No valid recipients")
        elif not self._plays("data", self._recipients[-1]):
            self._in_data, self._searched = True, 0
            # With these two, a lone dot ends like any other message.
            self._buffer[:0] = b"\r\n"
            self._say("354 Go ahead")

    def _rset(self, line: str) -> None:
        self._reset()
        self._say("250 2.0.0 Ok")

    def _noop(self, line: str) -> None:
        self._say("250 2.0.0 Ok")

    def _quit(self, line: str) -> None:
        self._say("221 2.0.0 Bye")
        self._hang_up()

    # Messages

    def _take_message(self) -> bool:
        """Take the message up to its dot; False while that has not arrived."""
        end = self._buffer.find(b"\r\n.\r\n", self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 4)
            return False
        message = bytes(self._buffer[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        del self._buffer[: end + 5]
        if not self._plays("dot", self._recipients[-1], message):
            self._accept(message)
            self._say("250 2.0.0 Ok")
        self._reset()
        return True

    def _accept(self, message: bytes) -> None:
        self._sink.accept(message, sender=self._sender or "", recipients=self._recipients)

    # Scripts

    def _plays(self, stage: str, recipient: str, message: bytes = b"") -> bool:
        """Whether a script takes the place of the usual answer at this stage."""
        if not self._script or self._script.stage != stage:
            return False
        _, action, enhanced = self._script
        if action == "hang":
            self._hung = True
        elif action == "drop":
            self._accept(message)
            self._hang_up()
        else:
            self._sink.refuse(int(action), sender=self._sender or "", recipient=recipient)
            self._say(f"{action} {enhanced or _ENHANCED.get(action, action[0] + '.0.0')} As told")
            if action == "421":
                self._hang_up()
        return True

    def _hang_up(self) -> None:
        self._hung = self._leaving = True


_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(r"^(?:MAIL FROM|RCPT TO): ?<([^<>]*)>", re.IGNORECASE)
_TAG = re.compile(r"\+f_(?:(rcpt|data|dot|once)_)?([45]\d\d|hang|drop)(?:_([45]\.\d+\.\d+))?@")
_EXTENSIONS = (
    b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
)
_ENHANCED = {
    "421": "4.3.2",
    "450": "4.2.1",
    "451": "4.7.1",
    "452": "4.2.2",
    "550": "5.1.1",
    "552": "5.3.4",
    "554": "5.7.1",
}
_COMMANDS = {
    "AUTH": _Session._auth,
    "EHLO": _Session._ehlo,
    "HELO": _Session._helo,
    "MAIL": _Session._mail,
    "RCPT": _Session._rcpt,
    "DATA": _Session._data,
    "RSET": _Session._rset,
    "NOOP": _Session._noop,
    "QUIT": _Session._quit,
}


def _script(recipient: str) -> Script | None:
    found = _TAG.search(recipient)
    if not found:
        return None
    stage, action, enhanced = found.groups()
    return Script(
        stage or ("dot" if action in ("hang", "drop") else "rcpt"), action, enhanced or ""
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT; the first line on stdout says where."""
    parser = argparse.ArgumentParser(description="An SMTP server that takes everything, for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="directory of the messages taken")
    parser.add_argument("--latency", type=float, default=0.0, help="of each reply, milliseconds")
    parser.add_argument("--everyone", default="", help="what happens to all, e.g. rcpt_550_5.7.1")
    parser.add_argument("--greeting", default="220 sink ready")
    parser.add_argument("--auth", default="", help="the answer to AUTH, e.g. 535 5.7.8 No")
    parser.add_argument("--most", type=int, help="connections that are let in")
    given = parser.parse_args()
    sink = Sink(
        journal=given.journal,
        keep=given.keep,
        host=given.host,
        port=given.port,
        latency=given.latency / 1000,
        everyone=given.everyone,
        greeting=given.greeting,
        auth=given.auth,
        most=given.most,
    )
    asyncio.run(_serve(sink))


async def _serve(sink: Sink) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with sink:
        sys.stdout.write(f"listening {sink.host}:{sink.port}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    main()
