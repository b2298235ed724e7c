"""What a check has to say about one record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from delivery.records.lookup import Lookup, Unanswered


class Level(StrEnum):
    """Red blocks bulk mail; advice does not; unknown means that nobody could be asked."""

    GOOD = "good"
    ADVICE = "advice"
    BAD = "bad"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What a record is for. The first four decide about the domain, the last is its own as well."""

    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    RETURN_PATH = "return_path"
    PTR = "ptr"
    TLS = "tls"
    LINKS = "links"
    TRACKING = "tracking"


OF_THE_DOMAIN = (Kind.SPF, Kind.DKIM, Kind.DMARC, Kind.RETURN_PATH)


@dataclass(frozen=True)
class Finding:
    """A record that should be there: what to publish, what is there, and what to do about it.

    `expected` is a value to copy, empty where there is none to give.
    """

    kind: Kind
    type: str
    host: str
    expected: str
    level: Level = Level.UNKNOWN
    found: Sequence[str] = ()
    advice: str = "Not checked yet."

    def say(
        self, level: Level, advice: str, found: Sequence[str] = (), *, expected: str | None = None
    ) -> Finding:
        """The same, with a verdict; texts from DNS are cut to what a page can show."""
        shown = [text if len(text) <= 600 else f"{text[:600]}…" for text in found[:10]]
        expected = self.expected if expected is None else expected
        return replace(self, level=level, advice=advice, found=shown, expected=expected)


@dataclass(frozen=True)
class Row:
    """A finding to be, and who judges it."""

    unchecked: Finding
    judge: Callable[[Finding, Lookup], Finding]

    def check(self, lookup: Lookup) -> Finding:
        try:
            return self.judge(self.unchecked, lookup)
        except Unanswered as error:
            return self.unchecked.say(Level.UNKNOWN, f"{error} Check again in a minute.")


def tags(record: str) -> dict[str, str]:
    """The `tag=value` list of a DKIM or DMARC record; blanks within a value are dropped."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs}
