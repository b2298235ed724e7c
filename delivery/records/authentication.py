"""DKIM keys in DNS, and DMARC: what receivers do with mail that nobody vouches for."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from delivery.records.findings import Finding, Level, tags
from delivery.records.lookup import Lookup


@dataclass(frozen=True)
class KeyJudge:
    """Whether DNS shows a key. `signs`: in use; `waits`: it signs as soon as it is seen there."""

    signs: bool
    waits: bool
    spare: bool  # another key signs meanwhile

    def __call__(self, finding: Finding, lookup: Lookup) -> Finding:
        records = [text for text in lookup.texts(finding.host) if "p" in tags(text)]
        if not records:
            return finding.say(self._missing_level, self._missing)
        shown = [tags(text) for text in records]
        if len(records) > 1:
            advice = "Several records under one name: receivers may read any. Keep this one only."
            return finding.say(self._missing_level, advice, records)
        if shown[0]["p"] != tags(finding.expected)["p"]:
            advice = f"Another key is published there ({describe(shown[0])}). Replace it by this."
            return finding.say(self._missing_level, advice, records)
        if shown[0].get("k", "rsa") != tags(finding.expected)["k"]:
            advice = "The record names another kind of key (k=). Publish it as it is here."
            return finding.say(self._missing_level, advice, records)
        if "y" in shown[0].get("t", "").split(":"):
            advice = "“t=y” says that you are only testing: take it out, or receivers ignore it."
            return finding.say(Level.ADVICE, advice, records)
        return finding.say(Level.GOOD, self._there(describe(shown[0])), records)

    @property
    def _missing_level(self) -> Level:
        return Level.ADVICE if self.spare else Level.BAD

    @property
    def _missing(self) -> str:
        if self.signs:
            return "Messages are signed with this key, and nobody can verify them. Publish it."
        if self.waits:
            return "Publish this record; messages are signed from the next check on."
        return "Put the record back: messages on their way are signed with this key."

    def _there(self, key: str) -> str:
        if self.signs or self.waits:
            return f"{key}. Messages are signed with it."
        return f"{key}. Keep the record until the key is retired."


def describe(record: dict[str, str]) -> str:
    """The kind and length of a key, e.g. “RSA, 2048 bits”."""
    try:
        raw = b64decode(record["p"], validate=True)
        if record.get("k", "rsa") == "ed25519":
            return "Ed25519" if len(raw) == 32 else "unreadable"
        key = load_der_public_key(raw)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return "unreadable"
    if not raw or not isinstance(key, RSAPublicKey):
        return "unreadable"
    return f"RSA, {key.key_size} bits{'' if key.key_size >= 2048 else ', too short'}"


@dataclass(frozen=True)
class DmarcJudge:
    """The policy of a domain, or of the first one above it that has one (RFC 9989 4.10)."""

    name: str
    bounce_domain: str

    def __call__(self, finding: Finding, lookup: Lookup) -> Finding:
        host, records = self._find(lookup)
        if not records:
            return finding.say(Level.BAD, "There is no DMARC policy. Publish this one.")
        found = [f"{host}: {text}" for text in records]
        if len(records) > 1:
            return finding.say(Level.BAD, "Several DMARC records count as none: keep one.", found)
        policy = tags(records[0])
        inherited = host != finding.host
        wanted = policy.get("sp", policy.get("p", "")) if inherited else policy.get("p", "")
        if wanted.lower() not in _POLICIES:
            advice = "It has no policy: add “p=none” behind “v=DMARC1;”."
            return finding.say(Level.BAD, advice, found)
        if policy.get("aspf", "r").lower() == "s" and self.bounce_domain != self.name:
            advice = f"“aspf=s” leaves {self.bounce_domain} unaligned: all hangs on DKIM. Drop it."
            return finding.say(Level.ADVICE, advice, found)
        if policy.get("adkim", "r").lower() == "s":
            advice = f"“adkim=s” aligns From addresses at exactly {self.name} only, none below."
            return finding.say(Level.ADVICE, advice, found)
        return finding.say(Level.GOOD, _POLICIES[wanted.lower()], found)

    def _find(self, lookup: Lookup) -> tuple[str, list[str]]:
        labels = self.name.split(".")
        for start in range(max(1, len(labels) - 1)):
            host = ".".join(["_dmarc", *labels[start:]])
            records = [text for text in lookup.texts(host) if _is_dmarc(text)]
            if records:
                return host, records
        return "", []


def _is_dmarc(text: str) -> bool:
    return text.partition(";")[0].replace(" ", "") == "v=DMARC1"


_POLICIES = {
    "none": "It only watches (p=none). Once its reports show your mail alone, ask for quarantine.",
    "quarantine": "Mail that nobody vouches for is put aside.",
    "reject": "Mail that nobody vouches for is refused.",
}
