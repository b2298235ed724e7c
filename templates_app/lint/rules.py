"""The rules, one function each: a piece of mail in, what is wrong with it out. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from emailseq.lib.errors import Problem
from templates_app import liquid
from templates_app.lint import reading
from templates_app.lint.phrases import PLACEHOLDER_ENDS, PLACEHOLDERS, SHORTENERS, SPAM
from templates_app.lint.reading import Reading
from templates_app.rendering import Preview

CLIPPED = 102 * 1024  # bytes of HTML as it is sent: Gmail shows no more
NEARLY_CLIPPED = 90 * 1024
HEAVY = 1024 * 1024  # bytes of pictures
LONG = 60  # characters of a subject
FEW = 20  # words
SHOUTED = 0.7  # of at least eight letters
ADDRESS = ("workspace", "postal_address")
_IGNORED = {
    *("script", "form", "input", "button", "iframe", "object", "embed", "video", "audio"),
    *("link", "base", "svg", "canvas"),
}
_WORD = re.compile(r"\w+", re.UNICODE)
_SPAM = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, SPAM))})(?!\w)", re.IGNORECASE)
_EMPTY_LINK = re.compile(r"#?|javascript:.*", re.IGNORECASE)


@dataclass(frozen=True)
class Checks:
    """`blocks` stop something from being sent; `warnings` do not."""

    blocks: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A line for each, as a terminal shows them; the mark says which stop it."""
        marked = (("✗", self.blocks), ("!", self.warnings))
        said = [f"{mark} {each.code}: {each.detail}" for mark, found in marked for each in found]
        return said or ["✓ nothing stands in its way"]

    def fails(self, on: str) -> bool:
        """Whether there is anything that counts: only what blocks, or, `on` "warn", all."""
        return bool(self.blocks or (on == "warn" and self.warnings))


class Piece(NamedTuple):
    """A template as it is looked at.

    `shown` is what a person with everything gets, `bare_subject` the subject of somebody with
    nothing, `size` the bytes of the HTML as it is sent. `earlier` are subjects that went out
    before, and `weights` the bytes of the pictures that we know, by their addresses.
    """

    reading: Reading
    shown: Preview
    size: int
    bare_subject: str
    earlier: Collection[str] = ()
    weights: Mapping[str, int] = {}


def unaddressed(bodies: Mapping[str, str], address: str) -> Iterator[Problem]:
    """The parts that do not say the sender's postal address, as a field or letter by letter."""
    if not address.strip():
        detail = "Marketing says where its sender lives: put a postal address into the settings."
        yield Problem("/workspace", "address_missing", detail)
        return
    words = _WORD.findall(address.lower())
    for part, source in bodies.items():
        uses = {use.path[:2] for use in liquid.check(source).uses}
        if ADDRESS not in uses and not _contains(_WORD.findall(source.lower()), words):
            detail = f"Put {{{{ workspace.postal_address }}}} into the {part}: the law asks for it."
            yield Problem(f"/{part}", "address_missing", detail)


def warnings(piece: Piece) -> list[Problem]:
    """What all rules say about a piece."""
    return [problem for rule in RULES for problem in rule(piece)]


def _subject(piece: Piece) -> Iterator[Problem]:
    subject = piece.shown.subject
    letters = [letter for letter in subject if letter.isalpha()]
    if not piece.bare_subject.strip():
        yield Problem(
            "/subject", "subject_empty", "Whoever has none of its fields gets an empty subject."
        )
    if len(subject) > LONG:
        detail = f"The subject has {len(subject)} characters; phones show some {LONG}."
        yield Problem("/subject", "subject_long", detail)
    if len(letters) >= 8 and sum(map(str.isupper, letters)) > SHOUTED * len(letters):
        yield Problem("/subject", "subject_capitals", "The subject shouts: use small letters.")
    if "!!" in subject or subject.count("!") > 1:
        yield Problem("/subject", "subject_exclaims", "One exclamation mark is enough.")
    if subject.strip().lower() in {each.strip().lower() for each in piece.earlier}:
        detail = "The last mail had the same subject: people take it for a repeat."
        yield Problem("/subject", "subject_repeated", detail)


def _words(piece: Piece) -> Iterator[Problem]:
    count = len(_WORD.findall(piece.shown.text))
    if not piece.shown.text.strip():
        detail = "There is no text for those who see no pictures or no HTML."
        yield Problem("/text", "text_missing", detail)
    elif count < FEW:
        detail = f"It has {count} words; filters distrust mail that says so little."
        yield Problem("/text", "words_few", detail)
    if piece.shown.html and not reading.preheader(piece.shown.html):
        detail = "Inboxes show the first words behind the subject: write a hidden preheader."
        yield Problem("/html", "preheader_missing", detail)


def _phrases(piece: Piece) -> Iterator[Problem]:
    said = f"{piece.shown.subject}\n{piece.shown.text}"
    if found := list(dict.fromkeys(each.lower() for each in _SPAM.findall(said))):
        listed = ", ".join(f"“{each}”" for each in found[:5])
        yield Problem("/text", "spam_phrase", f"Filters know these words: {listed}.")


def _links(piece: Piece) -> Iterator[Problem]:
    for kind, told in _LINKS.items():
        found = [link for link in piece.reading.links if kind(link)]
        if found:
            code, detail = told
            yield Problem("/html", code, f"{detail}: {_listed(found)}.")


def _pictures(piece: Piece) -> Iterator[Problem]:
    pictures = piece.reading.pictures
    if mute := [each.source for each in pictures if each.alt is None]:
        detail = f"Say in “alt” what these show, or nothing if they adorn: {_listed(mute)}."
        yield Problem("/html", "image_alt_missing", detail)
    if plain := [each.source for each in pictures if each.source.lower().startswith("http:")]:
        yield Problem("/html", "image_insecure", f"Pictures come by https: {_listed(plain)}.")
    if any(each.source.lower().startswith("data:") for each in pictures):
        yield Problem("/html", "image_inline", "Gmail and Outlook show no data: pictures.")
    weight = sum(piece.weights.get(url, 0) for url in {each.source for each in pictures})
    if weight > HEAVY:
        detail = f"The pictures weigh {weight / 1024 / 1024:.1f} MB; phones load them slowly."
        yield Problem("/html", "image_heavy", detail)


def _size(piece: Piece) -> Iterator[Problem]:
    weighed = f"The HTML takes {-(-piece.size // 1024)} KB as it is sent"
    if piece.size > CLIPPED:
        detail = f"{weighed}; Gmail clips it at 102, and with it the way out."
        yield Problem("/html", "size_clipped", detail)
    elif piece.size > NEARLY_CLIPPED:
        yield Problem("/html", "size_near", f"{weighed}; Gmail clips it at 102.")


def _elements(piece: Piece) -> Iterator[Problem]:
    if ignored := sorted(_IGNORED & piece.reading.elements):
        listed = ", ".join(f"<{name}>" for name in ignored)
        yield Problem("/html", "element_ignored", f"Mail programs take these out: {listed}.")


RULES: tuple[Callable[[Piece], Iterator[Problem]], ...] = (
    *(_subject, _words, _phrases, _links, _pictures, _size, _elements),
)


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""


def _is_placeholder(link: str) -> bool:
    host = _host(link)
    if host in PLACEHOLDERS or host.endswith(PLACEHOLDER_ENDS):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


_LINKS: dict[Callable[[str], object], tuple[str, str]] = {
    lambda link: link.lower().startswith("http:"): ("link_insecure", "Links begin with https"),
    _is_placeholder: ("link_placeholder", "Nobody gets there"),
    lambda link: _host(link) in SHORTENERS: (
        "link_shortened",
        "Filters distrust shorteners; name the page itself",
    ),
    _EMPTY_LINK.fullmatch: ("link_empty", "These links lead nowhere"),
}


def _listed(found: Sequence[str]) -> str:
    named = [f"“{each[:80]}”" for each in Counter(found)]
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return ", ".join(named[:3]) + more


def _contains(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the wanted words follow each other somewhere."""
    length = len(wanted)
    return any(words[at : at + length] == wanted for at in range(len(words) - length + 1))
