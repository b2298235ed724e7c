"""A server of one session, that says what a test has it say."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from delivery.transports.smtp import ConnectFailed, Connection, Server


def at(port, **options):
    return Server(host="127.0.0.1", port=port, helo="test.example", **options)


@asynccontextmanager
async def scripted(script):
    """A server of one session that follows `script(reader, write)`; yields how to reach it."""
    heard = bytearray()
    faults = []

    async def serve(reader, writer):
        read = reader.read

        async def hear(until=b"\r\n"):
            while until not in heard[hear.position :]:
                piece = await read(65536)
                if not piece:
                    raise ConnectionError
                heard.extend(piece)
            hear.position = heard.index(until, hear.position) + len(until)

        hear.position = 0
        try:
            await script(hear, writer.write)
        except ConnectionError:
            pass
        except BaseException as fault:  # noqa: BLE001 -- raised again where the test can see it
            faults.append(fault)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        await server.wait_closed()
        assert not [fault for fault in faults if not isinstance(fault, asyncio.CancelledError)]


async def greet(hear, write, *extensions):
    write(b"220 scripted\r\n")
    await hear()
    write(b"".join(b"250-%s\r\n" % word for word in (b"scripted", *extensions)) + b"250 HELP\r\n")


def refused_session(script, *, deadline=5.0, **server):
    """The reply with which opening fails, and all that the server heard."""

    async def run():
        async with scripted(script) as (port, heard):
            with pytest.raises(ConnectFailed) as caught:
                await Connection.open(at(port, **server), deadline=deadline)
            return caught.value.reply, bytes(heard)

    return asyncio.run(run())
