"""The only outbound HTTP client, and the guard before it: where others' URLs may lead us (SSRF).

A URL is resolved once, every address it has must be one of the public internet, and that address
is what is connected to, so a name that changes its mind between check and call gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from emailseq.lib.networks import is_public

CONNECT_SECONDS = 5
DEADLINE_SECONDS = 15
MAX_BODY = 64 * 1024
PORTS = (443, 8443)


class Forbidden(ValueError):
    """The URL must not be called; the text says why."""


class Unreachable(Exception):
    """Nobody answered in full; the text says at what it failed."""


@dataclass(frozen=True)
class Answer:
    """What came back: `body` holds at most MAX_BODY bytes of it."""

    status: int
    body: bytes
    milliseconds: int


def check(url: str) -> None:
    """Raise Forbidden unless the URL may be called. Asks the resolver."""
    _address(_parts(url))


async def post(url: str, *, content: bytes, headers: Mapping[str, str]) -> Answer:
    """POST to somebody else's URL. No redirects, cookies, proxies or decompression.

    Raises Forbidden before anything is sent, and Unreachable when the answer is not complete
    within DEADLINE_SECONDS in all.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            status, body = await _post(url, content, headers)
    except TimeoutError:
        raise Unreachable(f"no answer within {DEADLINE_SECONDS} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(str(error) or type(error).__name__) from error
    return Answer(status, body, round((time.monotonic() - began) * 1000))


class _Parts(NamedTuple):
    host: str  # an address, or a name as A-labels
    port: int
    tls: bool
    authority: str


async def _post(url: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    parts = _parts(url)
    target = httpx.URL(url).copy_with(host=await asyncio.to_thread(_address, parts))
    guarded = {**headers, "Host": parts.authority, "Accept-Encoding": "identity"}
    sni: dict[str, Any] = {"sni_hostname": parts.host}
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    async with (
        httpx.AsyncClient(trust_env=False, timeout=timeout) as client,
        client.stream("POST", target, content=content, headers=guarded, extensions=sni) as answer,
    ):
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) >= MAX_BODY:
                break
        return answer.status_code, bytes(body[:MAX_BODY])


def _parts(url: str) -> _Parts:
    """Raises Forbidden for what is never called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Forbidden("This is not a URL.") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Forbidden("A URL starts with https:// and names a host.")
    if "@" in parts.netloc:
        raise Forbidden("A URL must not carry a name or password: calls are signed.")
    if not url.isascii() or any(ord(character) <= 32 for character in url):
        raise Forbidden("A URL is ASCII without spaces.")
    tls = parts.scheme == "https"
    return _Parts(parts.hostname, port or (443 if tls else 80), tls, parts.netloc)


def _address(parts: _Parts) -> str:
    """The address to connect to: resolved once. Raises Forbidden unless all it has may be."""
    try:
        found = socket.getaddrinfo(parts.host, parts.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Forbidden(f"{parts.host} has no address.") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    private = f"{parts.host}:{parts.port}" in settings.WEBHOOK_ALLOWED_HOSTS
    if not (private or settings.WEBHOOK_ALLOW_PRIVATE):
        _check_public(parts, addresses)
    return addresses[0]


def _check_public(parts: _Parts, addresses: Sequence[str]) -> None:
    if not parts.tls:
        raise Forbidden("Only https:// is called.")
    if parts.port not in PORTS:
        raise Forbidden(f"Port {parts.port} is not called: use 443 or 8443.")
    if not all(map(is_public, addresses)):
        raise Forbidden(f"{parts.host} is not on the public internet.")
