"""Handing messages over: to a sink, to a scripted server, to another implementation."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP, AuthResult

from delivery.tests.scripted import at
from delivery.transports.smtp import ConnectFailed, Connection, Envelope, WireOutcome

ACCEPTED, REFUSED, UNSENT, IN_DOUBT = WireOutcome
DATA = b"Message-ID: <%d@example.com>\r\nSubject: Hi\r\n\r\nBody of %d\r\n"


def envelopes(*tags):
    """One for each tag, numbered from 1; "" is a recipient who just accepts."""
    return [
        Envelope(n, "b@example.com", f"ada{n}{tag}@example.net", DATA % (n, n))
        for n, tag in enumerate(tags, 1)
    ]


async def hand_over(server, batch, *, deadline=5.0, **options):
    """What one connection reports, and whether it lives on."""
    results = []
    connection = await Connection.open(server)
    await connection.send(batch, report=results.append, deadline=deadline, **options)
    alive = connection.alive
    await connection.aclose()
    return results, alive


def outcomes(results):
    return [(result.id, result.outcome) for result in results]


class Taken:
    """What aiosmtpd took in; it refuses whoever is tagged."""

    def __init__(self):
        self.letters = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "+no" in address:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        self.letters.append((session.authenticated, session.ssl is not None, envelope.content))
        return "250 2.0.0 Ok"


def login(server, session, envelope, mechanism, credentials):
    right = (credentials.login, credentials.password) == (b"me", b"secret")
    return AuthResult(success=right, handled=False)


def to_aiosmtpd(batch, options, *, wrapped=None, **server):
    """What another implementation took in, and our results, or the reply that kept us out."""
    taken = Taken()

    async def run():
        listener = await asyncio.get_running_loop().create_server(
            lambda: SMTP(taken, hostname="other", authenticator=login, **options),
            "127.0.0.1",
            0,
            ssl=wrapped,
        )
        try:
            port = listener.sockets[0].getsockname()[1]
            results, alive = await hand_over(at(port, **server), batch)
        except ConnectFailed as failed:
            return failed.reply
        finally:
            listener.close()
            await listener.wait_closed()
        assert alive
        return results

    results = asyncio.run(run())
    return taken.letters, results
