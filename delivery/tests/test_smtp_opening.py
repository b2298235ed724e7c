"""Opening a session: greetings, TLS, signing in, and all that is no session."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from delivery.tests.handing import ACCEPTED, DATA, envelopes, outcomes, to_aiosmtpd
from delivery.tests.scripted import at, greet, refused_session, scripted
from delivery.transports.conversation import Session
from delivery.transports.smtp import ConnectFailed, Connection, Reply

CERTIFICATE = Path(__file__).with_name("localhost.pem")


async def dribble(hear, write):
    for byte in b"220 " + b"x" * 1000:
        write(bytes([byte]))
        await asyncio.sleep(0.02)


def test_a_dribbled_greeting_does_not_outlast_the_deadline():
    began = time.monotonic()
    reply, heard = refused_session(dribble, deadline=0.2)

    assert reply == Reply(0, "", "no session within 0.2 s", "connect")
    assert (heard, time.monotonic() - began < 2) == (b"", True)


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        (b"220 " + b"x" * 5000, "a reply line of more than 4096 bytes"),
        (b"220 " + b"x" * 5000 + b"\r\n", "not an SMTP reply"),
        (b"220-x\r\n" * 20_000 + b"220 x\r\n", "a reply of more than 65536 bytes"),
        (b"220-x\r\n250 y\r\n", "not an SMTP reply"),
        (b"HTTP/1.1 400 Bad Request\r\n", "not an SMTP reply: b'HTTP/1.1 400 Bad Request'"),
        (b"", "the server hung up"),
    ],
)
def test_a_server_that_talks_nonsense_is_left(greeting, why):
    async def script(hear, write):
        write(greeting)
        await asyncio.sleep(0.02)

    reply, _ = refused_session(script)

    assert reply.code == 0
    assert reply.text.startswith(why)


def test_a_greeting_may_come_before_anybody_waits_for_it():
    async def script(hear, write):
        write(b"220 early\r\n")
        await hear(b"never")

    async def run():
        async with scripted(script) as (port, _):
            loop = asyncio.get_running_loop()
            _, session = await loop.create_connection(Session, "127.0.0.1", port)
            while not session.disturbed:
                await asyncio.sleep(0.01)
            greeting = await session.ask(b"", stage="connect", expect=b"220")
            disturbed = session.disturbed
            session.close(session.silence("seen enough"))
            return greeting, disturbed

    assert asyncio.run(run()) == (b"220 early", False)


def test_a_greeting_may_be_a_refusal():
    async def script(hear, write):
        write(b"554-5.7.1 You\x1b[31m are\r\n554 5.7.1 listed\r\n")
        await hear()

    reply, heard = refused_session(script)

    assert (reply, heard) == (Reply(554, "5.7.1", "You [31m are listed", "connect"), b"")


def test_nobody_listens():
    async def run():
        async with scripted(dribble) as (port, _):
            pass
        with pytest.raises(ConnectFailed) as caught:
            await Connection.open(at(port))
        return caught.value.reply

    reply = asyncio.run(run())

    assert (reply.code, reply.stage) == (0, "connect")
    assert "refused" in reply.text or "failed" in reply.text


def test_a_cancelled_opening_leaves_no_socket():
    async def run():
        async with scripted(dribble) as (port, _):
            opening = asyncio.create_task(Connection.open(at(port)))
            await asyncio.sleep(0.05)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

    asyncio.run(run())  # an unclosed transport would be a warning, and so an error


def test_starttls_stripped_on_the_way_is_refused_without_a_word():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING", b"AUTH PLAIN")
        await hear(b"never")

    reply, heard = refused_session(script, tls="starttls", username="me", password="secret")

    assert reply == Reply(0, "", "the server does not offer STARTTLS", "tls")
    assert heard == b"EHLO test.example\r\n"


def test_clear_text_behind_starttls_is_refused():
    async def script(hear, write):
        await greet(hear, write, b"STARTTLS")
        await hear(b"STARTTLS\r\n")
        write(b"220 Go\r\n250-injected\r\n250 AUTH PLAIN\r\n")
        await hear(b"never")

    reply, heard = refused_session(script, tls="starttls", username="me", password="secret")

    assert reply.text == "the session was disturbed before TLS began"
    assert heard == b"EHLO test.example\r\nSTARTTLS\r\n"


def test_starttls_refused_is_no_session():
    async def script(hear, write):
        await greet(hear, write, b"STARTTLS")
        await hear(b"STARTTLS\r\n")
        write(b"454 4.7.0 Not now\r\n")

    reply, _ = refused_session(script, tls="starttls")

    assert reply == Reply(454, "4.7.0", "Not now", "tls")


def test_credentials_do_not_leave_the_machine_in_clear(monkeypatch):
    made = Session.connection_made

    def far_away(session, transport):
        transport._extra["peername"] = ("192.0.2.1", 25)
        made(session, transport)

    async def script(hear, write):
        await greet(hear, write, b"AUTH PLAIN LOGIN")
        await hear(b"never")

    monkeypatch.setattr(Session, "connection_made", far_away)
    reply, heard = refused_session(script, username="me", password="secret")

    assert reply == Reply(0, "", "credentials are not sent without TLS", "auth")
    assert heard == b"EHLO test.example\r\n"


# Another server, with a key


@pytest.fixture
def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.fixture
def trusted(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_starttls_then_login(tls, trusted, mechanism):
    other = {"LOGIN": "PLAIN", "PLAIN": "LOGIN"}[mechanism]
    options = {"tls_context": tls, "require_starttls": True, "auth_exclude_mechanism": [other]}

    letters, results = to_aiosmtpd(
        envelopes(""), options, tls="starttls", username="me", password="secret"
    )

    assert outcomes(results) == [(1, ACCEPTED)]
    assert letters == [(True, True, DATA % (1, 1))]


def test_implicit_tls(tls, trusted):
    letters, results = to_aiosmtpd(envelopes(""), {}, wrapped=tls, tls="implicit")

    assert outcomes(results) == [(1, ACCEPTED)]
    assert [data for *_, data in letters] == [DATA % (1, 1)]


def test_a_wrong_password_is_no_session(tls, trusted):
    options = {"tls_context": tls, "require_starttls": True}

    letters, reply = to_aiosmtpd(
        envelopes(""), options, tls="starttls", username="me", password="wrong"
    )

    assert (letters, reply.code, reply.stage) == ([], 535, "auth")


@pytest.mark.parametrize("tls_kind", ["starttls", "implicit"])
def test_a_certificate_that_nobody_signed_is_no_session(tls, tls_kind):
    where = {"wrapped": tls, "options": {}}
    if tls_kind == "starttls":
        where = {"options": {"tls_context": tls}}

    letters, reply = to_aiosmtpd(
        envelopes(""), **where, tls=tls_kind, username="me", password="secret"
    )

    assert (letters, reply.code) == ([], 0)
    assert "CERTIFICATE_VERIFY_FAILED" in reply.text
