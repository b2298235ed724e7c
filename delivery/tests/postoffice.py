"""Small servers that speak IMAP and POP3 over TCP, for one mailbox."""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

CERTIFICATE = Path(__file__).with_name("localhost.pem")
PASSWORD = "hush hush"


class PostOffice:
    """A mailbox by IMAP; `mails` are its mails by UID, `drops_after` fetches it hangs up.

    `tls` is "implicit", "starttls", or "" for a server that knows none.
    """

    def __init__(self, *mails: bytes, drops_after: int = 1000, tls: str = "") -> None:
        self.tls = tls
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(CERTIFICATE)
        self.mails = dict(enumerate(mails, 1))
        self.flagged: set[int] = set()
        self.uid_validity = 7
        self.drops_after = drops_after
        self.commands: list[str] = []
        self.encrypted = 0
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._session())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _session(self) -> type[socketserver.StreamRequestHandler]:
        office = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                # A client that trusts us not hangs up.
                with suppress(ssl.SSLError, ConnectionError):
                    self._serve()

            def _serve(self) -> None:
                if office.tls == "implicit":
                    self.encrypt()
                self.say(office.greeting)
                while line := self.rfile.readline().decode().strip():
                    office.commands.append(line)
                    if not office.answer(line, self.say):
                        return
                    if line.endswith(("STARTTLS", "STLS")) and office.tls:
                        self.encrypt()

            def finish(self) -> None:
                super().finish()
                self.request.close()

            def encrypt(self) -> None:
                self.request = office._context.wrap_socket(self.request, server_side=True)
                office.encrypted += 1
                self.setup()

            def say(self, line: str | bytes) -> None:
                raw = line.encode() if isinstance(line, str) else line
                self.wfile.write(raw + b"\r\n")

        return Session

    greeting = "* OK ready"

    def answer(self, line: str, say: Callable[[str | bytes], None]) -> bool:
        """Whether the session goes on."""
        tag, _, command = line.partition(" ")
        verb = command.upper()
        if verb.startswith("LOGIN") and PASSWORD not in command:
            say(f"{tag} NO [AUTHENTICATIONFAILED] That is not the password.")
            return True
        if verb.startswith("CAPABILITY"):
            say(f"* CAPABILITY IMAP4rev1{' STARTTLS' if self.tls == 'starttls' else ''}")
        elif verb.startswith(("SELECT", "EXAMINE")):
            if '"INBOX"' not in command:
                say(f"{tag} NO There is no such folder.")
                return True
            say(f"* {len(self.mails)} EXISTS")
            say(f"* OK [UIDVALIDITY {self.uid_validity}] valid")
        elif verb.startswith("UID ") and not self._answer_uid(verb, say):
            return False
        elif verb.startswith("EXPUNGE"):
            for uid in self.flagged:
                self.mails.pop(uid, None)
        elif verb.startswith("LOGOUT"):
            say("* BYE")
        say(f"{tag} OK done")
        return not verb.startswith("LOGOUT")

    def _answer_uid(self, verb: str, say: Callable[[str | bytes], None]) -> bool:
        if verb.startswith("UID SEARCH"):
            first = re.search(r"UID (\d+):", verb[4:])
            # As RFC 3501 has it, `n:*` always contains the newest.
            least = min(int(first[1]), max(self.mails, default=1)) if first else 0
            found = sorted(uid for uid in self.mails.keys() - self.flagged if uid >= least)
            say(" ".join(["* SEARCH", *map(str, found)]))
        elif verb.startswith("UID FETCH"):
            self.drops_after -= 1
            uid = int(verb.split()[2])
            body = self.mails[uid]
            if self.drops_after < 0:
                return False
            say(f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(body)}}}".encode() + b"\r\n" + body + b")")
        else:
            self.flagged.add(int(verb.split()[2]))
        return True


class Pop3Office(PostOffice):
    """The same mailbox by POP3; what is deleted is gone after QUIT."""

    greeting = "+OK ready"

    def answer(self, line: str, say: Callable[[str | bytes], None]) -> bool:
        verb, _, given = line.partition(" ")
        if verb == "PASS" and given != PASSWORD:
            say("-ERR That is not the password.")
        elif verb == "CAPA":
            say(f"+OK\r\n{'STLS' if self.tls == 'starttls' else 'TOP'}\r\n.")
        elif verb == "LIST":
            say("+OK")
            for uid, body in self.mails.items():
                say(f"{uid} {len(body)}")
            say(".")
        elif verb == "RETR":
            self.drops_after -= 1
            if self.drops_after < 0:
                return False
            body = self.mails[int(given)].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            say(b"+OK\r\n" + body.replace(b"\r\n.", b"\r\n..") + b"\r\n.")
        else:
            if verb == "DELE":
                self.flagged.add(int(given))
            if verb == "QUIT":
                self.mails = {uid: self.mails[uid] for uid in self.mails.keys() - self.flagged}
            say("+OK")
        return verb != "QUIT"
