"""Tracking tokens, and the verdict on a hit. Pure but for the keys.

A token holds ids only, a message and the number of a link; the target of a click is looked up and
never taken from the URL.
"""

from __future__ import annotations

from emailseq.lib import signing
from emailseq.lib.signing import BadToken

OPEN, CLICK, UNSUBSCRIBE = "o", "c", "u"
CONFIRM, NOT_ME = "d", "n"

# Fetched this fast after delivery, it was a gateway that looked at the message, not its reader.
TOO_FAST_SECONDS = 5
_MACHINES = (
    "barracuda",
    "bot",
    "crawler",
    "curl",
    "mimecast",
    "proofpoint",
    "python",
    "scanner",
    "spider",
    "urldefense",
    "wget",
)


class Links:
    """The URLs of one message. They are the same each time it is rendered."""

    __slots__ = ("_base_url", "_message_id")

    def __init__(self, base_url: str, message_id: int) -> None:
        self._base_url = base_url
        self._message_id = message_id.to_bytes(8)

    def click(self, number: int) -> str:
        """The URL behind which link `number` of the template version is found."""
        return self._url(CLICK, self._message_id + number.to_bytes(2))

    @property
    def open_pixel(self) -> str:
        return self._url(OPEN, self._message_id)

    @property
    def unsubscribe(self) -> str:
        return self._url(UNSUBSCRIBE, self._message_id)

    @property
    def confirm(self) -> str:
        return self._url(CONFIRM, self._message_id)

    @property
    def not_me(self) -> str:
        return self._url(NOT_ME, self._message_id)

    def _url(self, purpose: str, payload: bytes) -> str:
        return f"{self._base_url}/{purpose}/{signing.sign(purpose, payload)}"


def read(purpose: str, token: str) -> tuple[int, int]:
    """The message id and the link number (0 but for clicks) of a token. Raises BadToken."""
    payload = signing.read(purpose, token)
    if len(payload) != (10 if purpose == CLICK else 8):
        raise BadToken
    return int.from_bytes(payload[:8]), int.from_bytes(payload[8:])


def is_machine(user_agent: str, *, seconds_after_delivery: float) -> bool:
    """Whether a hit looks like a scanner's or a prefetching proxy's rather than a reader's."""
    agent = user_agent.lower()
    return (
        seconds_after_delivery < TOO_FAST_SECONDS
        or not agent
        or any(name in agent for name in _MACHINES)
    )
