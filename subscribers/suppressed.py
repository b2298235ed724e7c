"""What suppressions name: an address, `@` and a domain, or `keyed:` and the digest of one."""

from __future__ import annotations

import hashlib
import re

from emailseq.lib import addresses, signing

DOMAIN, DIGEST = "@", "keyed:"  # no address begins like that

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE | re.ASCII)
_KEPT = re.compile(DIGEST + "[0-9a-f]{64}", re.ASCII)


def parse(text: str) -> str:
    """The key of what the text names, as people or `export_suppressions` write it.

    Raises ValueError, which says what is wrong.
    """
    text = text.strip(" \t\r\n").removeprefix("'")  # what keeps spreadsheets from running it
    if text.startswith(DOMAIN):
        return parse_domain(text)
    if _SHA256.fullmatch(text):
        return parse_digest(text)
    return text if _KEPT.fullmatch(text) else addresses.parse(text).key


def parse_domain(text: str) -> str:
    """The key of everybody at `example.com` or `@example.com`; subdomains are others."""
    return domain_key(addresses.parse(f"anybody@{text.strip().removeprefix(DOMAIN)}").key)


def parse_digest(text: str) -> str:
    """The key of the address whose SHA-256 this is, in hexadecimal."""
    found = _SHA256.fullmatch(text.strip())
    if not found:
        raise ValueError("This must be a SHA-256 in hexadecimal: 64 characters.")
    return _keyed(bytes.fromhex(found[1]))


def domain_key(address_key: str) -> str:
    """The key of everybody at the domain of an address."""
    return DOMAIN + address_key.rpartition("@")[2]


def digest_key(address_key: str) -> str:
    """The key of an address of which no more than that is to be known."""
    return _keyed(hashlib.sha256(address_key.encode()).digest())


def pepper() -> bytes:
    """What digests are hashed with once more, lest whoever reads them tries addresses."""
    return signing.digest("suppression", b"")


def _keyed(digest: bytes) -> str:
    return DIGEST + hashlib.sha256(pepper() + digest).hexdigest()
