"""MJML to HTML, both with Liquid in them. Pure; the only importer of `mjml`.

The engine neither raises nor warns on a tag that it does not know, tells no line of what it cannot
parse, and ends the process on very deep nesting. So the source is checked before it gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from mjml import mjml2html

from templates_app.inlining import MAX_DEPTH, VOID
from templates_app.liquid import TemplateError
from templates_app.markup import Unit, attributes, is_well_formed, scan
from templates_app.shield import Shield

_CONTENT = (
    *("mj-text", "mj-image", "mj-button", "mj-divider", "mj-spacer", "mj-social", "mj-table"),
    *("mj-accordion", "mj-carousel", "mj-navbar", "mj-raw"),
)
_INSIDE: dict[str, tuple[str, ...]] = {
    "mjml": ("mj-head", "mj-body"),
    "mj-head": (
        *("mj-attributes", "mj-breakpoint", "mj-font", "mj-preview", "mj-style", "mj-title"),
        "mj-raw",
    ),
    "mj-body": ("mj-section", "mj-wrapper", "mj-hero", "mj-raw"),
    "mj-wrapper": ("mj-section", "mj-hero", "mj-raw"),
    "mj-section": ("mj-column", "mj-group", "mj-raw"),
    "mj-group": ("mj-column",),
    "mj-column": _CONTENT,
    "mj-hero": _CONTENT,
    "mj-social": ("mj-social-element",),
    "mj-navbar": ("mj-navbar-link",),
    "mj-carousel": ("mj-carousel-image",),
    "mj-accordion": ("mj-accordion-element",),
    "mj-accordion-element": ("mj-accordion-title", "mj-accordion-text"),
}
_COMPONENTS = {name for names in _INSIDE.values() for name in names} - {"mj-head", "mj-body"}
_INSIDE["mj-attributes"] = ("mj-all", "mj-class", *sorted(_COMPONENTS))
KNOWN = frozenset({"mjml", *(name for names in _INSIDE.values() for name in names)})
# What they hold is HTML, or text alone.
_HTML = frozenset(
    {"mj-text", "mj-button", "mj-table", "mj-raw", "mj-style", "mj-accordion-text"}
    | {"mj-social-element", "mj-navbar-link"}
)
_WORDS = frozenset({"mj-title", "mj-preview", "mj-accordion-title"})


def to_html(source: str) -> str:
    """The document as HTML, its Liquid in place. Raises TemplateError with a line."""
    shield = Shield(source)
    placed = "".join(_Checked(shield, "").written())
    if not placed.lstrip().startswith("<mjml"):
        raise TemplateError("MJML is one <mjml> element with an <mj-body> in it.", line=1)
    html = _engine(placed)
    lost = set(range(len(shield.pieces))) - set(shield.tokens(html))
    if lost:
        piece = shield.pieces[min(lost)]
        raise TemplateError(f"MJML has no place for “{piece.source[:60]}” here.", line=piece.line)
    return shield.revealed(shield.uncommented(html))


def check_part(source: str, *, within: str = "mj-body") -> None:
    """Raise TemplateError unless the MJML may stand in an element `within`."""
    shield = Shield(source)
    inside = "".join(_Checked(shield, within).written())
    _engine(f"<mjml><mj-body>{inside}</mj-body></mjml>")


def _engine(placed: str) -> str:
    try:
        # The fonts that it knows by default would be fetched from elsewhere by each message.
        return str(mjml2html(placed, disable_comments=False, fonts={}))
    except ValueError as error:
        raise TemplateError(f"This is not well-formed MJML: {error}.") from None


class _Checked:
    """One pass over the shielded source: what is open, and in which line it was opened."""

    def __init__(self, shield: Shield, within: str) -> None:
        self.shield = shield
        self.root = within
        self.open: list[tuple[str, int]] = []
        self.line = 1

    def written(self) -> Iterator[str]:
        """The source with its Liquid tags as comments, wherever comments may be."""
        for unit in scan(self.shield.hidden):
            if unit.kind == "tag":
                self._tag(unit)
            elif unit.kind == "other":
                raise self._error(f"MJML has no place for “{unit.source[:40]}”")
            elif unit.kind != "comment":
                self._text(unit)
            yield unit.source if self.inside in _WORDS else self.shield.placed(unit)
            self.line += unit.source.count("\n") + sum(
                self.shield.pieces[number].source.count("\n")
                for number in self.shield.tokens(unit.source)
            )
        if self.open:
            name, line = self.open[-1]
            raise TemplateError(f"<{name}> is never closed.", line=line)

    @property
    def inside(self) -> str:
        return self.open[-1][0] if self.open else self.root

    def _error(self, message: str) -> TemplateError:
        return TemplateError(f"{message}.", line=self.line)

    def _tag(self, unit: Unit) -> None:
        if unit.closing:
            self._close(unit.name)
            return
        if not is_well_formed(unit.source):
            raise self._error(f"This tag is malformed: {self.shield.revealed(unit.source)[:60]}")
        if any(each.value and not each.quote for each in attributes(unit.source)):
            raise self._error(f"An attribute of <{unit.name}> needs quotes around its value")
        if unit.name.startswith("mj"):
            self._place(unit.name, written=unit.source[1 : len(unit.name) + 1])
        elif not self._holds_html():
            raise self._error(
                f"<{unit.name}> stands directly in <{self.inside or 'mjml'}>: "
                "put HTML into <mj-text> or <mj-raw>"
            )
        if unit.source.endswith("/>") or unit.name in VOID:
            return
        if len(self.open) > MAX_DEPTH:
            raise self._error(f"Elements are nested more than {MAX_DEPTH} deep")
        self.open.append((unit.name, self.line))

    def _close(self, name: str) -> None:
        if not self.open:
            raise self._error(f"</{name}> closes what was never opened")
        opened, line = self.open.pop()
        if opened != name:
            raise self._error(f"</{name}> stands where <{opened}> of line {line} must be closed")

    def _place(self, name: str, *, written: str) -> None:
        if name == "mj-include":
            raise self._error("<mj-include> is not supported: write out what it would include")
        if name != written:
            raise self._error(f"<{written}> is written in small letters: <{name}>")
        if name not in KNOWN:
            close = get_close_matches(name, KNOWN, n=1, cutoff=0.75)
            hint = f"did you mean <{close[0]}>?" if close else "there is no such tag"
            raise TemplateError(f"<{name}>: {hint}", line=self.line)
        if self._holds_html() or self.inside in _WORDS:
            raise self._error(f"<{name}> stands in <{self.inside}>, which holds no MJML")
        allowed = _INSIDE.get(self.inside, ()) if self.inside else ("mjml",)
        if name not in allowed:
            hint = ", ".join(f"<{each}>" for each in _parents(name)) or "nothing"
            raise self._error(f"<{name}> stands in <{self.inside}>; its place is in {hint}")

    def _holds_html(self) -> bool:
        return bool(self.open) and (
            self.inside in _HTML or not self.inside.startswith("mj")  # an HTML element in one
        )

    def _text(self, unit: Unit) -> None:
        if unit.kind == "text" and "<" in unit.source:
            raise self._error("“<” in a text is written “&lt;”")
        if self._holds_html() or self.inside in _WORDS:
            return
        words = self.shield.token.sub(self._named, unit.source).strip()
        if words:
            shown = self.shield.revealed(words)[:40]
            self.line += unit.source[: unit.source.index(words[0])].count("\n")
            raise self._error(f"“{shown}” stands directly in <{self.inside or 'mjml'}>")
        if self.inside in ("mj-wrapper", "mj-head", "mj-attributes", "mjml", "mj-carousel"):
            self.shield.refuse(unit.source, f"stands directly in <{self.inside}>")

    def _named(self, found: re.Match[str]) -> str:
        return "" if self.shield[found[1]].name else found[0]


def _parents(name: str) -> list[str]:
    return [parent for parent, names in _INSIDE.items() if name in names]
