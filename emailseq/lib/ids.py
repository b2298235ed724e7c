"""Public ids: a prefix that says what it is, and a UUIDv7 in 26 lower-case base32 characters."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from uuid_utils import compat

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def new() -> uuid.UUID:
    """A fresh UUIDv7 (RFC 9562): later ids sort after earlier ones."""
    return compat.uuid7()


def of_row(number: int, *, at: datetime) -> uuid.UUID:
    """The UUIDv7 of a row that is told by its number and instant: always the same one."""
    milliseconds = (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number)


def encode(prefix: str, uid: uuid.UUID) -> str:
    """`sub` + UUID -> `sub_01k…` (26 characters after the underscore)."""
    number, characters = uid.int, []
    for _ in range(26):
        number, digit = divmod(number, 32)
        characters.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(characters))}"


def decode(prefix: str, public_id: str) -> uuid.UUID | None:
    """The inverse of `encode`; None for whatever `encode` could not have made."""
    head, _, tail = public_id.partition("_")
    if head != prefix or len(tail) != 26 or any(character not in _VALUES for character in tail):
        return None
    number = 0
    for character in tail:
        number = number * 32 + _VALUES[character]
    return uuid.UUID(int=number) if number < 1 << 128 else None
