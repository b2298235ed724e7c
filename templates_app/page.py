"""An HTML template made safe: each output escaped for the place it stands in. Pure.

    shield -> inline CSS, serialise -> unshield, escape by place, number links

The places are read off the serialised document, which is what receivers get. Every Liquid tag must
come back exactly once and in order, or the template is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape

from templates_app import liquid
from templates_app.inlining import inline_styles
from templates_app.liquid import TemplateError
from templates_app.markup import Attribute, Unit, attributes, is_well_formed, scan
from templates_app.merge_fields import ROOTS
from templates_app.plaintext import to_text
from templates_app.shield import Shield

MAX_LINKS = 500

_URL_ATTRIBUTES = frozenset(
    {"href", "src", "background", "poster", "cite", "longdesc", "data", "xlink:href"}
)
_REFUSED_ATTRIBUTES = frozenset({"srcdoc", "srcset", "action", "formaction", "ping"})
_REFUSED_ELEMENTS = frozenset({"meta", "base", "link"})
_WEB = re.compile(r"https?://[\w.:\[\]-]+(?=[/?#]|\Z)", re.IGNORECASE)
_OTHER_LINK = re.compile(r"(?:mailto:|tel:|sms:|#|\Z)", re.IGNORECASE)
_OUR_LINK = re.compile(r"\{\{-?\s*links\.(?:unsubscribe|preferences|confirm|not_me)\s*-?\}\}")
# Nobody sees the first one, tabs to it or hears of it: whoever follows it is a machine.
_WATCHED = (
    '{% if _trap %}<a href="{{ _click | _ready }}{{ _trap | _ready }}" style="display:none" '
    'aria-hidden="true" tabindex="-1"></a>{% endif %}'
    '{% if _open %}<img src="{{ _open | _ready }}" width="1" height="1" alt="" '
    'style="display:block">{% endif %}'
)
_URL_BREAKS = re.compile(r"[\t\r\n]")


class Page:
    """`source` is the document as Liquid, `links` the targets of its numbered links."""

    def __init__(self, html: str, *, known: Sequence[str] = ()) -> None:
        """Links that are `known` from other languages keep their numbers; new ones follow.

        Raises TemplateError when the HTML, or the place of something in it, is unsafe.
        """
        self.links = list(known)
        self._free = list(range(len(known)))
        self._made = liquid.check(html, reserved=ROOTS).made
        self._shield = Shield(html)
        self._inlined = inline_styles(self._shield.document())
        self._found: list[int] = []
        self._captures = 0
        self.source = self._written(self._inlined)
        if self._found != list(range(len(self._shield.pieces))):
            raise TemplateError(
                "HTML cannot keep every Liquid tag in its place: check for unclosed quotes, and "
                "that no text stands between the rows of a table."
            )

    def text(self) -> str:
        """The words of the document, as Liquid too."""
        return to_text(self._inlined, token=self._shield.token, restore=self._shield.restored)

    def _written(self, html: str) -> str:
        return "".join(self._unit(unit) for unit in scan(html))

    def _unit(self, unit: Unit) -> str:
        if unit.kind == "comment":
            return self._comment(unit)
        if self._captures and unit.kind != "text":
            raise TemplateError("“capture” holds text; write HTML where the value is printed.")
        if unit.kind == "text" and self._captures:
            # What is captured is a value like any other, escaped where it is printed.
            return self._restored(unescape(unit.source), "_plain")
        if unit.kind == "text":
            return self._restored(unit.source, "_html")
        if unit.kind == "titled":
            self._check_closed(unit.source)
            return self._restored(unit.source, "_html")
        if unit.kind == "tag":
            return "".join(self._tag(unit))
        self._shield.refuse(unit.source, f"stands inside <{unit.name}>")
        return self._restored(unit.source, "_html")

    def _comment(self, unit: Unit) -> str:
        if piece := self._shield.whole(unit.inner):
            self._captures += {"capture": 1, "endcapture": -1}.get(piece.name, 0)
            return self._restored(unit.inner, "_html")
        if unit.inner.startswith("[if"):  # Outlook reads it as HTML, so it is treated as such
            self._check_closed(unit.inner)
            return f"<!--{self._written(unit.inner)}-->"
        self._shield.refuse(unit.source, "stands inside an HTML comment")
        return self._restored(unit.source, "_html")

    def _tag(self, unit: Unit) -> Iterator[str]:
        if unit.closing:
            self._shield.refuse(unit.source, "stands inside a closing tag")
            if unit.name == "body":
                yield _WATCHED
            yield unit.source
            return
        if not is_well_formed(unit.source):
            raise TemplateError(f"This tag is malformed: {self._shield.revealed(unit.source)[:80]}")
        rest = unit.source
        for attribute in attributes(unit.source):
            before, _, rest = rest.partition(attribute.source)
            self._shield.refuse(before, "stands in a tag outside of an attribute value")
            yield before
            yield self._attribute(unit.name, attribute)
        self._shield.refuse(rest, "stands in a tag outside of an attribute value")
        yield rest

    def _attribute(self, element: str, attribute: Attribute) -> str:
        name = attribute.name
        self._shield.refuse(name, "stands in a tag outside of an attribute value")
        is_link = name == "href" and element not in _REFUSED_ELEMENTS
        if not is_link and not self._shield.tokens(attribute.value):
            return self._restored(attribute.source, "_html")
        if not attribute.quote:
            self._shield.refuse(attribute.value, "stands in an attribute without quotes")
        if name.startswith("on") or name in _REFUSED_ATTRIBUTES or element in _REFUSED_ELEMENTS:
            self._shield.refuse(attribute.value, f"stands in “{name}” of <{element}>")
        self._check_closed(attribute.value)
        if is_link or name in _URL_ATTRIBUTES:
            value = self._address(attribute.value, is_link=is_link)
        else:
            value = self._restored(attribute.value, "_style" if name == "style" else "_html")
        quote = attribute.quote or '"'
        return f" {name}={quote}{value}{quote}"

    def _address(self, value: str, *, is_link: bool) -> str:
        literal = _URL_BREAKS.sub("", unescape(value)).strip()
        url = self._shield.revealed(literal)
        if _OUR_LINK.fullmatch(url):
            return self._restored(value, "_html")
        roots = {use.path[:1] for use in liquid.check(url).uses} if "{" in url else set()
        if ("links",) in roots:
            raise TemplateError("{{ links.… }} must be the whole address of its link.")
        if _WEB.match(url):
            # A number alone cannot tell a click which turn of a loop it came from: such a link
            # stays direct.
            if not is_link or roots & {(name,) for name in self._made}:
                return self._restored(value, "_url")
            self._found += self._shield.tokens(value)
            return f"{{{{ _click | _ready }}}}{{{{ _ends[{self._number(url)}] | _ready }}}}"
        if is_link and _OTHER_LINK.match(url):
            return self._restored(value, "_url")
        raise TemplateError(f"Write out the scheme and host of the address “{url[:60]}”.")

    def _number(self, url: str) -> int:
        for number in self._free:
            if self.links[number] == url:
                self._free.remove(number)
                return number
        self.links.append(url)
        if len(self.links) > MAX_LINKS:
            raise TemplateError(f"The HTML has more than {MAX_LINKS} links.")
        return len(self.links) - 1

    def _check_closed(self, text: str) -> None:
        """No block may reach out of a place, and no name may be made in it."""
        numbers = self._shield.tokens(text)
        inside = [self._shield.pieces[number] for number in numbers]
        if not any(piece.name for piece in inside):
            return
        line = inside[0].line
        if any(piece.name in ("assign", "capture") for piece in inside):
            raise TemplateError("Assign and capture stand outside of tags and titles.", line=line)
        try:
            liquid.check(self._shield.revealed(text))
        except TemplateError:
            message = "A Liquid block must end in the attribute, title or comment it starts in."
            raise TemplateError(message, line=line) from None

    def _restored(self, text: str, how: str) -> str:
        self._found += self._shield.tokens(text)
        return self._shield.restored(text, how)
