"""DKIM: a domain signs for a message (RFC 6376, and RFC 8463 for Ed25519).

Pure, and fast: a key is parsed once per process, a message is read once however many keys sign it.
What is signed are the bytes that go over the wire, canonicalised relaxed/relaxed.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

RSA_2048, ED25519 = "rsa-2048", "ed25519"

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True)
class Signer:
    """A key that signs for `domain`, whose other half DNS shows under `selector`."""

    domain: str
    selector: str
    key: PrivateKey

    @classmethod
    def of(cls, domain: str, selector: str, pem: str) -> Signer:
        return cls(domain, selector, _parsed(pem))

    def header(self, headers: bytes, body_hash: str, at: datetime) -> bytes:
        """The DKIM-Signature of canonical headers and a hash of the canonical body."""
        rsa = isinstance(self.key, RSAPrivateKey)
        lines = (
            f"v=1; a={'rsa' if rsa else 'ed25519'}-sha256; c=relaxed/relaxed;",
            f"d={self.domain}; s={self.selector}; t={at.timestamp():.0f};",
            *_SIGNED_LINES,
            f"bh={body_hash};",
            "b=",
        )
        signature = self._signature(headers + f"dkim-signature:{' '.join(lines)}".encode())
        pieces = [signature[start : start + 72] for start in range(0, len(signature), 72)]
        head, value = "\r\n ".join(lines), "\r\n ".join(pieces)
        return f"DKIM-Signature: {head}{value}\r\n".encode()

    def _signature(self, data: bytes) -> str:
        if isinstance(self.key, RSAPrivateKey):
            raw = self.key.sign(data, PKCS1v15(), SHA256())
        else:
            raw = self.key.sign(sha256(data).digest())
        return b64encode(raw).decode()


def sign(message: bytes, signers: Sequence[Signer], *, at: datetime) -> bytes:
    """The message with a signature of each signer on top. Its lines end in CRLF, and only so."""
    head, _, body = message.partition(b"\r\n\r\n")
    headers = _canonical_headers(head)
    body_hash = b64encode(sha256(_canonical_body(body)).digest()).decode()
    return b"".join((*(each.header(headers, body_hash, at) for each in signers), message))


def new_key(algorithm: str) -> str:
    """A new private key, as PEM."""
    key: PrivateKey = (
        generate_private_key(public_exponent=65537, key_size=2048)
        if algorithm == RSA_2048
        else Ed25519PrivateKey.generate()
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_record(pem: str) -> str:
    """The TXT record that shows the public half of a private key."""
    public = _parsed(pem).public_key()
    if isinstance(public, Ed25519PublicKey):
        return f"v=DKIM1; k=ed25519; p={b64encode(public.public_bytes_raw()).decode()}"
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"


@lru_cache(maxsize=1000)
def _parsed(pem: str) -> PrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise TypeError("DKIM signs with RSA or Ed25519.")
    return key


def _canonical_headers(head: bytes) -> bytes:
    """The signed headers, relaxed; where one is named twice, the last one first (5.4.2).

    One that is named and not there counts as nothing, which is how adding it breaks the signature.
    """
    values: dict[bytes, list[bytes]] = {}
    for field in _FIELD_END.split(head):
        name, _, value = field.partition(b":")
        values.setdefault(name.strip().lower(), []).append(value)
    lines = []
    for name in _SIGNED:
        if left := values.get(name):
            value = _BLANKS.sub(b" ", left.pop().replace(b"\r\n", b"")).strip(b" ")
            lines.append(b"%s:%s\r\n" % (name, value))
    return b"".join(lines)


def _canonical_body(body: bytes) -> bytes:
    """Runs of blanks are one, none end a line, and no empty lines end the body (3.4.4)."""
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return body + b"\r\n" if body else b""


# What people and providers go by. Named once more than it is there, a header cannot be added.
_SIGNED_LINES = (
    "h=From:From:To:Reply-To:Subject:Subject:Date:Date:Message-ID:MIME-Version:",
    "Content-Type:List-Id:List-Unsubscribe:List-Unsubscribe-Post:Feedback-ID;",
)
_SIGNED = "".join(_SIGNED_LINES)[2:-1].lower().encode().split(b":")

_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_BLANKS = re.compile(rb"[ \t]+")
