"""The text part of a message that has only HTML. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from selectolax.lexbor import LexborHTMLParser, LexborNode

Restore = Callable[[str, str], str]
"""(text with tokens, kind of escape) -> Liquid source."""

_HIDDEN = frozenset({"head", "style", "script", "title", "template", "noscript", "object"})
_PARAGRAPHS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre", "hr"}
)
_LINES = frozenset(
    {"div", "section", "article", "header", "footer", "main", "nav", "aside", "address", "center"}
    | {"form", "fieldset", "figure", "figcaption", "li", "dt", "dd", "tr", "caption", "body"}
)
_OPENINGS = frozenset({"if", "unless", "case", "for", "elsif", "else", "when"})
_NAME = re.compile(r"\w+")
_SPACES = re.compile(r"[ \t\n\r\f\xa0\u2009\u200a]+")
_UNSEEN = re.compile(r"(?:^|;)\s*display\s*:\s*none", re.IGNORECASE)
_INVISIBLE = re.compile("[\xad\u034f\u200b-\u200d\u2060\ufeff]")  # what preheaders are padded with


def to_text(html: str, *, token: re.Pattern[str], restore: Restore) -> str:
    """The words of a document as Liquid source: one line per block, links as `text (address)`.

    `token` finds the stand-ins for Liquid in the HTML; a comment that is one is a Liquid tag.
    """
    text = _Text(token, restore)
    root = LexborHTMLParser(html).root
    node = root.parent.child if root is not None and root.parent is not None else None
    while node is not None:  # comments may stand before and after the root
        text.visit(node, hidden=False)
        node = node.next
    return "".join(text.out).strip() + "\n"


class _Text:
    """Line breaks and spaces wait until a word needs them, so that none pile up."""

    def __init__(self, token: re.Pattern[str], restore: Restore) -> None:
        self.token = token
        self.restore = restore
        self.out: list[str] = []
        self.started = False
        self.breaks = 0
        self.space = False

    def visit(self, node: LexborNode, *, hidden: bool) -> None:
        if node.is_text_node and not hidden:
            self._words(node.text_content or "")
        elif node.is_comment_node:
            self._liquid(node, hidden=hidden)
        elif node.is_element_node:
            hidden = hidden or node.tag in _HIDDEN or _is_unseen(node)
            height = _height(node)
            self._break(height)
            if not hidden:
                self._before(node)
            child = node.child
            while child is not None:
                self.visit(child, hidden=hidden)
                child = child.next
            if node.tag == "a" and not hidden:
                self._address(node)
            self._break(height)

    def _before(self, node: LexborNode) -> None:
        if node.tag == "br":
            self.breaks += 1
        elif node.tag == "hr":
            self._say("-" * 20, "_plain")
        elif node.tag == "li":
            self._say("- ", "_plain")
        elif node.tag == "img":
            self._words(node.attributes.get("alt") or "")
        elif node.tag in ("td", "th"):
            self.space = True

    def _address(self, node: LexborNode) -> None:
        href = (node.attributes.get("href") or "").strip()
        words = node.text().strip()
        if not href or href.startswith("#") or words in (href, href.removeprefix("mailto:")):
            return
        whole = self.token.fullmatch(href)
        self.space = self.space or bool(words)
        self._say("(", "_plain")
        self.out.append(self.restore(href, "_plain" if whole else "_url") + ")")

    def _liquid(self, node: LexborNode, *, hidden: bool) -> None:
        comment = node.comment_content or ""
        if not self.token.fullmatch(comment):
            return
        source = self.restore(comment, "_plain")
        name = _NAME.findall(source)[0]
        if name in _OPENINGS and not hidden:
            # Breaks that wait are due before a block; but the one of the element that the block
            # starts with belongs into it, so that a loop over <li> has one line per turn.
            kept = min(self.breaks, _height(_following(node)))
            self.breaks -= kept
            self._flush()
            self.breaks, self.started = kept, True
        elif name == "capture" or (self.space and not self.breaks):
            self._flush()
        self.out.append(source)

    def _words(self, text: str) -> None:
        words = _SPACES.sub(" ", _INVISIBLE.sub("", text))
        if words.startswith(" "):
            self.space = True
        if words.strip(" "):
            self._say(words.strip(" "), "_plain")
            self.space = words.endswith(" ")

    def _say(self, text: str, how: str) -> None:
        self._flush()
        self.started = True
        self.out.append(self.restore(text, how))

    def _break(self, height: int) -> None:
        if self.out[-1:] != ["- "]:  # a paragraph in a list item stays on the item's line
            self.breaks = max(self.breaks, height)

    def _flush(self) -> None:
        if self.breaks and self.started:
            self.out.append("\n" * self.breaks)
        elif self.space and self.started:
            self.out.append(" ")
        self.breaks, self.space = 0, False


def _is_unseen(node: LexborNode) -> bool:
    """Whether it is there for others than readers, as the line for the inbox's list is."""
    return bool(_UNSEEN.search(node.attributes.get("style") or ""))


def _following(node: LexborNode) -> LexborNode | None:
    """The next thing to be seen after a comment."""
    following = node.next
    while following is not None and (following.is_comment_node or following.is_empty_text_node):
        following = following.next
    return following


def _height(node: LexborNode | None) -> int:
    """How many line breaks an element stands apart from what is around it."""
    tag = node.tag if node is not None else ""
    return 2 if tag in _PARAGRAPHS else 1 if tag in _LINES else 0
