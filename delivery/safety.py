"""Safe mode: messages reach only whom a trial may reach. Pure.

It comes from the environment and not from the database, because databases get copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from delivery.transports.http import Account
from delivery.transports.smtp import Server

Way = TypeVar("Way", Server, Account)


class Withheld(Exception):
    """Safe mode lets this recipient get nothing; the text says so."""


@dataclass(frozen=True)
class SafeMode:
    """`inbox`: all goes to the built-in inbox. `redirect`: all goes to one address. `allow`: only
    addresses of these domains get anything. None of them: off."""

    inbox: Server | None = None
    redirect: str = ""
    allow: frozenset[str] = frozenset()

    def server(self, server: Way) -> Way | Server:
        """Where a transport really leads."""
        return self.inbox or server

    def recipient(self, email: str) -> str:
        """Who really gets what is written to `email`. Raises Withheld for nobody."""
        if self.allow and email.rpartition("@")[2].lower() not in self.allow:
            raise Withheld("safe mode")
        return self.redirect or email
