"""How a file without a mark and a word about it is probably encoded: a guess, to be shown. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from itertools import pairwise

SAMPLE = 256 * 1024
# What people may choose among, where the guess is wrong; any other that Python knows will do.
OFFERED = (
    *("utf-8", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "latin-1"),
    *("shift_jis", "gb18030", "utf-16"),
)
# The letters that each code page is used for; whatever else it makes of a byte speaks against it.
_LETTERS = {
    "cp1252": "àâäáãåæçéèêëíìîïñóòôöõøœúùûüÿß",
    "cp1250": "ąćęłńóśźżáčďéěíňřšťúůýžäöüßőűăâîșț",
    "cp1251": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяєіїґ",
}
_USUAL = "’‘“”„«»–—…·°€§©®\xa0"
_FOREIGN = re.compile("[^\\x00-\\x7f]+")
_KANA = re.compile("[\u3040-\u30ff]")
_JAPANESE = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uff60]+")


def guess(sample: bytes) -> str:
    """The most likely encoding of a file that begins with `sample`."""
    if wide := _wide(sample):
        return wide
    if _decoded(sample, "utf-8") is not None:
        return "utf-8"
    japanese = _decoded(sample, "cp932")
    if japanese and _is_japanese(japanese):
        return "cp932"
    return max(_LETTERS, key=lambda name: _score(sample, name))


def is_utf8(blocks: Iterable[bytes]) -> bool:
    """Whether all of a file is UTF-8, however long it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _wide(sample: bytes) -> str:
    """UTF-16 shows by the NUL beside each Latin letter."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 5 < len(sample):  # a fifth: not a NUL or two
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _decoded(sample: bytes, encoding: str) -> str | None:
    """The text; the sample may end within a character."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return None


def _is_japanese(text: str) -> bool:
    """Full-width letters and nothing else, with kana among them or never one alone: Latin text
    reads as a kanji here and there, and as the half-width kana that any bytes would be.
    """
    words = _FOREIGN.findall(text)
    if not all(map(_JAPANESE.fullmatch, words)):
        return False
    return any(map(_KANA.search, words)) or min(map(len, words), default=0) > 1


def _score(sample: bytes, encoding: str) -> int:
    score, text = 0, sample.decode(encoding, "replace")
    for before, letter in pairwise(f" {text}"):
        if letter.isascii():
            continue
        score += 1 if letter.lower() in _LETTERS[encoding] else 0 if letter in _USUAL else -3
        # Latin words have an accent here and there; Cyrillic ones are made of such letters.
        score -= encoding != "cp1251" and not before.isascii()
    return score
