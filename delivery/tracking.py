"""Tracking tokens. Pure but for the keys.

A token holds ids only, a message and the number of a link; the target of a click is looked up and
never taken from the URL.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from struct import Struct
from typing import NamedTuple

from emailseq.lib import signing
from emailseq.lib.signing import BadToken
from templates_app.compiler import SOFT_BREAK
from templates_app.page import MAX_LINKS
from templates_app.rendering import Addresses, address

OPEN, CLICK, UNSUBSCRIBE = "o", "c", "u"
CONFIRM, NOT_ME = "d", "n"
PREFERENCES, REQUEST = "p", "r"

# The places of the MACs of a message.
_OWN = (OPEN, UNSUBSCRIBE, CONFIRM, NOT_ME)
_FIRST_LINK = len(_OWN)
_MOST_LINKS = 40  # hardly any message has more
_TOKEN = re.compile(
    r"v2\.(?P<kid>[^.]+)\.(?P<message>[1-9a-f][0-9a-f]{0,15})\.(?P<mac>[0-9a-f]{32})"
)


_EPOCH = date(2020, 1, 1)
_READER = Struct(">QQH")


class Reader(NamedTuple):
    """Whose preferences a link leads to, by which message (0: by none), and of which day it is."""

    subscriber_id: int
    message_id: int
    on: date


class Links:
    """The URLs of one message. They are the same each time it is rendered.

    A token is `v2.<key id>.<message>.<mac>`. A message has one stream of MACs; which of them it is
    says what the token is for: the pixel, one of our pages, or which link.
    """

    __slots__ = ("_base_url", "_kid", "_message_id")

    def __init__(self, base_url: str, message_id: int) -> None:
        self._base_url = base_url
        self._message_id = message_id
        self._kid = signing.newest()

    def click(self, number: int) -> str:
        """The URL behind which link `number` of the template version is found."""
        return self._url(CLICK, _FIRST_LINK + number)

    @property
    def open_pixel(self) -> str:
        return self._url(OPEN)

    @property
    def unsubscribe(self) -> str:
        return self._url(UNSUBSCRIBE)

    @property
    def confirm(self) -> str:
        return self._url(CONFIRM)

    @property
    def not_me(self) -> str:
        return self._url(NOT_ME)

    def _url(self, purpose: str, place: int | None = None) -> str:
        place = _OWN.index(purpose) if place is None else place
        mac = _macs(self._kid, self._message_id, place + 1).split()[place]
        return f"{self._base_url}/{purpose}/v2.{self._kid}.{self._message_id:x}.{mac}"


class Mint:
    """Makes the same URLs all at once, as pieces of a body; one serves any number of messages."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._kid = signing.newest()
        lead = f"{base_url}/%s/v2.{self._kid}."
        self._click, self._pixel, self._way_out = (
            address(lead % purpose) for purpose in (CLICK, OPEN, UNSUBSCRIBE)
        )
        self._unsubscribe = lead % UNSUBSCRIBE

    def addresses(self, message_id: int, *, links: int, trapped: bool = False) -> Addresses:
        """The addresses of a message that has so many links, and a trap behind them if it is so."""
        count = _FIRST_LINK + links + trapped
        macs = _macs(self._kid, message_id, count).encode().replace(b"\n", SOFT_BREAK)
        pixel, way_out, _, _, *ends = _cutter(count)(macs + SOFT_BREAK)
        message = b"%x." % message_id
        unsubscribe = f"{self._unsubscribe}{message_id:x}.{way_out[:32].decode()}"
        return Addresses(
            self._click + message + SOFT_BREAK,
            ends,
            self._pixel + message + pixel,
            self._way_out + message + way_out,
            {"unsubscribe": unsubscribe},
            ends[-1] if trapped else None,
        )


def preferences(base_url: str, *, subscriber_id: int, at: datetime, message_id: int = 0) -> str:
    """The URL of somebody's preferences, in a message that was queued `at` an instant."""
    days = (at.astimezone(UTC).date() - _EPOCH).days
    payload = _READER.pack(subscriber_id, message_id, days)
    return f"{base_url}/{PREFERENCES}/{signing.sign(PREFERENCES, payload)}"


def read_preferences(token: str) -> Reader:
    """Raises BadToken."""
    payload = signing.read(PREFERENCES, token)
    if len(payload) != _READER.size:
        raise BadToken
    subscriber_id, message_id, days = _READER.unpack(payload)
    return Reader(subscriber_id, message_id, _EPOCH + timedelta(days=days))


def request(base_url: str, request_id: int) -> str:
    """The URL by which somebody says that it was them who asked for their data."""
    return f"{base_url}/{REQUEST}/{signing.sign(REQUEST, request_id.to_bytes(8))}"


def read_request(token: str) -> int:
    """The id of the request. Raises BadToken."""
    payload = signing.read(REQUEST, token)
    if len(payload) != 8:
        raise BadToken
    return int.from_bytes(payload)


def read(purpose: str, token: str) -> tuple[int, int]:
    """The message id and the link number (0 but for clicks) of a token. Raises BadToken."""
    if token.startswith("v1."):
        return _read_first(purpose, token)
    found = _TOKEN.fullmatch(token)
    if not found or not signing.knows(found["kid"]):
        raise BadToken
    message_id = int(found["message"], 16)
    if purpose != CLICK:
        mac = _macs(found["kid"], message_id, _FIRST_LINK).split()[_OWN.index(purpose)]
        if not hmac.compare_digest(mac, found["mac"]):
            raise BadToken
        return message_id, 0
    for count in (_MOST_LINKS, MAX_LINKS + 1):  # and a trap
        macs = _macs(found["kid"], message_id, _FIRST_LINK + count).split()[_FIRST_LINK:]
        # By hash, under a key of this process: the time it takes says nothing of what agrees.
        number = dict(zip(macs, range(count), strict=True)).get(found["mac"])
        if number is not None:
            return message_id, number
    raise BadToken


def _read_first(purpose: str, token: str) -> tuple[int, int]:
    """A token of version 0.1, when each link had a signature of its own."""
    payload = signing.read(purpose, token)
    if len(payload) != (10 if purpose == CLICK else 8):
        raise BadToken
    return int.from_bytes(payload[:8]), int.from_bytes(payload[8:])


def _macs(kid: str, message_id: int, count: int) -> str:
    """The first MACs of a message, 128 bits each, a line each."""
    return signing.stream(kid, "link", message_id.to_bytes(8), 16 * count).hex("\n", 16)


@cache
def _cutter(count: int) -> Callable[[bytes], tuple[bytes, ...]]:
    return Struct("35s" * count).unpack
