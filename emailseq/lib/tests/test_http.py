from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from emailseq.lib import http

PRIVATE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://localhost/",
]


@pytest.fixture
def resolver(monkeypatch):
    """What names resolve to, instead of the machine's resolver."""

    def answer(**names):
        asked = []

        def getaddrinfo(host, port, **_):
            asked.append(host)
            found = names[host.partition(".")[0]]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return answer


@pytest.mark.parametrize("url", PRIVATE)
def test_private_targets_are_refused(url):
    with pytest.raises(http.Forbidden):
        http.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/",
        "https://93.184.216.34:22/",
        "https://user:pass@93.184.216.34/",
        "ftp://93.184.216.34/",
        "https:///path",
        "https://[::1",
        "https://93.184.216.34/a b",
        "https://bücher.example/",
        "https://93.184.216.34:99999/",
    ],
)
def test_odd_urls_are_refused(url):
    with pytest.raises(http.Forbidden):
        http.check(url)


def test_a_public_address_may_be_called():
    http.check("https://93.184.216.34/hook?x=1")


def test_every_address_of_a_name_must_be_public(resolver):
    resolver(mixed=["93.184.216.34", "127.0.0.1"], good=["93.184.216.34", "1.1.1.1"])

    http.check("https://good.example/")
    with pytest.raises(http.Forbidden, match=r"mixed\.example is not on the public internet"):
        http.check("https://mixed.example/")


def test_a_host_the_operator_allows_may_be_private(settings):
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1:8080"]

    http.check("http://127.0.0.1:8080/hook")
    with pytest.raises(http.Forbidden):
        http.check("http://127.0.0.1:8081/hook")


def test_the_address_that_was_checked_is_the_one_called(resolver, settings):
    """A name is resolved once: rebinding between check and call leads nowhere."""
    settings.WEBHOOK_ALLOWED_HOSTS = ["hook.example:9"]
    asked = resolver(hook=["127.0.0.1"])

    with pytest.raises(http.Unreachable):
        asyncio.run(http.post("http://hook.example:9/", content=b"{}", headers={}))

    assert asked.count("hook.example") == 1


def test_a_server_that_dribbles_is_given_up(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.3)

    async def dribble(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not reader.at_eof():
            writer.write(b"x: y\r\n")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), 0.05)
        writer.close()

    async def call():
        server = await asyncio.start_server(dribble, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            await http.post(f"http://127.0.0.1:{port}/", content=b"{}", headers={})
        finally:
            server.close()
            await asyncio.sleep(0.2)

    with pytest.raises(http.Unreachable, match="no answer within"):
        asyncio.run(call())
