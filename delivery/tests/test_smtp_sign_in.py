"""How a session is signed in to, and what it refuses to do for that."""

from __future__ import annotations

import asyncio
from base64 import b64encode

from delivery.tests.scripted import at, greet, refused_session, scripted
from delivery.transports.smtp import Connection, Reply


def test_a_server_without_a_known_mechanism_gets_no_credentials():
    async def script(hear, write):
        await greet(hear, write, b"AUTH CRAM-MD5")
        await hear(b"never")

    reply, _ = refused_session(script, username="me", password="secret")

    assert reply.text == "the server offers neither AUTH PLAIN nor AUTH LOGIN"


def test_an_access_token_signs_in_by_xoauth2_and_by_nothing_else():
    token = b64encode(b"user=me\1auth=Bearer t0ken\1\1")

    async def script(hear, write):
        await greet(hear, write, b"AUTH PLAIN XOAUTH2")
        await hear(b"AUTH XOAUTH2 " + token + b"\r\n")
        write(b"235 2.7.0 Welcome\r\n")
        await hear(b"QUIT\r\n")
        write(b"221 2.0.0 Bye\r\n")

    async def visit():
        async with scripted(script) as (port, heard):
            server = at(port, auth="xoauth2", username="me", password="t0ken")
            connection = await Connection.open(server)
            alive = connection.alive
            await connection.aclose()
            return alive, bytes(heard)

    alive, heard = asyncio.run(visit())
    assert alive
    assert b"AUTH PLAIN" not in heard


def test_a_stale_access_token_is_refused_once_its_challenge_is_answered():
    async def script(hear, write):
        await greet(hear, write, b"AUTH XOAUTH2")
        await hear(b"AUTH XOAUTH2")
        write(b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n")
        await hear(b"\r\n\r\n")
        write(b"535 5.7.8 Token expired\r\n")

    reply, _ = refused_session(script, auth="xoauth2", username="me", password="old")

    assert reply == Reply(535, "5.7.8", "Token expired", "auth")


def test_a_mechanism_that_is_demanded_is_not_replaced():
    async def script(hear, write):
        await greet(hear, write, b"AUTH PLAIN LOGIN")
        await hear(b"never")

    reply, heard = refused_session(script, auth="xoauth2", username="me", password="t0ken")

    assert reply.text == "the server does not offer AUTH XOAUTH2"
    assert b"AUTH" not in heard


def test_a_guarded_server_is_not_looked_for_in_our_own_network():
    async def script(hear, write):
        await hear(b"never")

    reply, heard = refused_session(script, guarded=True)

    assert reply == Reply(0, "", "127.0.0.1 is not on the public internet", "connect")
    assert heard == b""


def test_a_fault_of_our_own_is_a_refusal_to_sign_in():
    async def script(hear, write):
        await hear(b"never")

    reply, heard = refused_session(script, fault="the key is lost")

    assert reply == Reply(535, "", "the key is lost", "auth")
    assert heard == b""


def test_the_password_is_not_shown():
    assert "secret" not in repr(at(25, username="me", password="secret"))
