"""Addresses that mail about one message comes back to: `b+k1-…` for bounces, `u+k1-…` to leave.

The token names the message and tags the address that it went to; 128 bits of it are a MAC, so
that nobody can tell of a message that they were not sent. Base32 (RFC 4648) in lower case, for
servers change the case of local parts; RFC 5321 gives those 64 octets.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from typing import NamedTuple

from emailseq.lib import signing
from emailseq.lib.signing import BadToken

BOUNCE, UNSUBSCRIBE = "b", "u"

_MAC = 16
_ADDRESS = re.compile(
    r"(?P<purpose>[bu])\+(?P<kid>[a-z0-9]{1,16})-(?P<token>[a-z2-7]{45})@(?P<domain>\S+)"
)


class Read(NamedTuple):
    """What a token says: for what purpose it was made, for which message, and for whom."""

    purpose: str
    message_id: int
    tag: str
    domain: str


def is_possible() -> bool:
    """Whether the id of the key that signs fits into a local part, in any case."""
    return bool(re.fullmatch(r"[a-z0-9]{1,16}", signing.newest()))


def tag(address_key: str) -> str:
    """What stands for an address in a token: too short to be traced back to it."""
    return signing.digest("address", address_key.encode()).hex()[:8]


def write(purpose: str, *, message_id: int, address_tag: str, domain: str) -> str:
    """The address at `domain` that mail about a message comes back to."""
    kid = signing.newest()
    payload = message_id.to_bytes(8) + bytes.fromhex(address_tag)
    token = b32encode(payload + _mac(purpose, kid, payload)).decode().rstrip("=").lower()
    return f"{purpose}+{kid}-{token}@{domain}"


def read(address: str) -> Read:
    """What an address of ours says, in whatever case it came back. Raises BadToken."""
    found = _ADDRESS.fullmatch(address.strip().lower())
    if not found or not signing.knows(found["kid"]):
        raise BadToken
    raw = b32decode(found["token"].upper() + "===")
    payload, mac = raw[:-_MAC], raw[-_MAC:]
    if not hmac.compare_digest(_mac(found["purpose"], found["kid"], payload), mac):
        raise BadToken
    return Read(found["purpose"], int.from_bytes(payload[:8]), payload[8:].hex(), found["domain"])


def _mac(purpose: str, kid: str, payload: bytes) -> bytes:
    return signing.stream(kid, f"return:{purpose}", payload, _MAC)
