"""Delivery status notifications (RFC 3464), and what servers make of them.

The fields are looked for in every part that is not the returned message: some servers write them
into a text, leave out blank lines, the type before the semicolon, or the recipient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from delivery.bounces import addresses
from delivery.bounces.mime import Part

KINDS = ("message/delivery-status", "message/global-delivery-status")
RECIPIENTS = 500

_FIELD = re.compile(
    r"[ \t>]{0,8}((?:original|final|x-actual)-recipient|action|status|diagnostic-code"
    r"|(?:remote|reporting|received-from)-mta|arrival-date|last-attempt-date|will-retry-until"
    r"|final-log-id|original-envelope-id|x-[\w-]{1,60})[ \t]{0,8}:[ \t]*(.*)",
    re.IGNORECASE,
)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_TYPE = re.compile(r"^\s*[\w-]{1,20}\s*;\s*")
_ARRIVED = ("delivered", "deliverable", "relayed", "expanded")


class Fields(NamedTuple):
    """The fields about one recipient."""

    values: Mapping[str, str]

    @property
    def recipient(self) -> str:
        """Whom the server tried; who was named to it when it does not say."""
        for name in ("final-recipient", "x-actual-recipient", "original-recipient"):
            if address := addresses.first(self._plain(name)):
                return address
        return ""

    @property
    def mailbox(self) -> str:
        """A recipient that is no address: the server's own name for the mailbox."""
        return self._plain("final-recipient").strip(" <>\"'").lower()

    @property
    def status(self) -> str:
        match = _STATUS.search(self.values.get("status", ""))
        return match[0] if match else ""

    @property
    def diagnostic(self) -> str:
        text = self.values.get("diagnostic-code", "")
        return _TYPE.sub("", text) if self.quotes else text

    @property
    def quotes(self) -> bool:
        """Whether the diagnostic is another server's: those of its own begin with x-…"""
        return not self.values.get("diagnostic-code", "").lower().lstrip().startswith("x-")

    @property
    def arrived(self) -> bool:
        return self._action.startswith(_ARRIVED) or self.status.startswith("2.")

    @property
    def delayed(self) -> bool:
        return self._action.startswith("delayed")

    @property
    def _action(self) -> str:
        return self.values.get("action", "").strip().lower()

    def _plain(self, name: str) -> str:
        return _TYPE.sub("", self.values.get(name, "")).strip()


def read(parts: Iterable[Part]) -> tuple[list[Fields], str]:
    """What a report says of each recipient, in order, and the host that reports."""
    groups: list[dict[str, str]] = []
    for part in parts:
        groups += _groups(part.text)
    reporter = next(filter(None, (group.get("reporting-mta") for group in groups)), "")
    about = [Fields(group) for group in groups if _is_about_somebody(group)]
    return about[:RECIPIENTS], _TYPE.sub("", reporter).strip()


def _is_about_somebody(group: Mapping[str, str]) -> bool:
    named = group.keys() & {"final-recipient", "original-recipient", "x-actual-recipient"}
    told = group.keys() & {"action", "status", "diagnostic-code"}
    return bool(named and told) or {"action", "status"} <= group.keys()


def _groups(text: str) -> Iterator[dict[str, str]]:
    """Fields between blank lines, or up to the next one of a name that was there already."""
    group: dict[str, str] = {}
    last = ""
    for line in text.split("\n"):
        if match := _FIELD.match(line):
            last, value = match[1].lower(), match[2].strip()
            if last in group and last in ("final-recipient", "original-recipient", "action"):
                yield group
                group = {}
            group.setdefault(last, value[:2000])
        elif line.strip():
            if last and len(group[last]) < 2000:
                group[last] += f" {line.strip()[:2000]}"
        else:
            if "action" in group or "diagnostic-code" in group:
                yield group
                group = {}
            last = ""
    if group:
        yield group
