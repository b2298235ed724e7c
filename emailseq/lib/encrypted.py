"""Secrets at rest: encrypted in the database, write-only everywhere else.

A column holds Fernet tokens under the ring `FIELD_KEYS` (newest first), so a dump tells nothing.
In Python it holds a `Secret`, which shows itself to nobody: `reveal()` decrypts, where it is used.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from hmac import digest
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class Undecipherable(Exception):
    """The ring no longer holds the key that a secret was encrypted with."""


@dataclass(frozen=True)
class Secret:
    """Text under lock and key; `token` is how it is stored."""

    token: str = field(repr=False)

    @classmethod
    def of(cls, plain: str) -> Secret:
        """Lock up a text, under the newest key."""
        return cls(_ring(tuple(settings.FIELD_KEYS.values())).encrypt(plain.encode()).decode())

    def reveal(self) -> str:
        """The text. Raises Undecipherable."""
        try:
            return _ring(tuple(settings.FIELD_KEYS.values())).decrypt(self.token).decode()
        except InvalidToken:
            raise Undecipherable("FIELD_KEYS lacks the key of a stored secret.") from None

    def renewed(self) -> Secret:
        """The same text under the newest key; itself when it already is. Raises Undecipherable."""
        newest = next(iter(settings.FIELD_KEYS.values()))
        try:
            _ring((newest,)).decrypt(self.token)
        except InvalidToken:
            return Secret.of(self.reveal())
        return self

    def __str__(self) -> str:
        return "••••••••"

    def __bool__(self) -> bool:
        return bool(self.token)


class SecretField(models.TextField):  # type: ignore[type-arg] # said in the two lines below
    """A column of secrets. No two of them are stored alike, so they cannot be looked up."""

    _pyi_private_set_type: Any  # for mypy: a Secret, or None where the column allows it
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> Secret | None:
        return None if value is None else Secret(value)

    def to_python(self, value: Any) -> Any:
        return Secret(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Secret):
            return value and value.token
        raise TypeError("Only a Secret is stored here: Secret.of(text).")

    def value_to_string(self, obj: models.Model) -> str:
        secret: Secret = self.value_from_object(obj)
        return secret.token


@cache
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    """Of keys in any form: each is made into what Fernet wants."""
    digests = [digest(key.encode(), b"emailseq/field", "sha256") for key in keys]
    return MultiFernet([Fernet(urlsafe_b64encode(each)) for each in digests])
