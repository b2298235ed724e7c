"""Liquid hidden from HTML tools, which break it. Pure.

`a < 3` is no HTML, and text between table rows is moved out of the table. So a Liquid output
travels as a word, which is legal in text and attributes, and a Liquid tag as a comment, which stays
where it is even in a table; as a word, too, where no comment can be.
"""

from __future__ import annotations

import re

from templates_app import liquid
from templates_app.liquid import Piece, TemplateError
from templates_app.markup import Unit, attributes, scan

_FRAME = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)


class Shield:
    """The Liquid of an HTML source behind tokens that HTML tools carry along unchanged."""

    def __init__(self, source: str) -> None:
        found = liquid.pieces(source)
        self.pieces = [piece for piece in found if piece.kind != "text"]
        prefix = "lqz"
        while prefix in source.lower():
            prefix += "q"
        self.token = re.compile(rf"{prefix}(\d{{4}})z")
        self._brace = re.compile(rf"\{{(?=[{{%]|(?:<!--)?{prefix}\d)")
        self._missing_tbody = re.compile(
            rf"(<table\b[^<>]*>)(\s*(?:<!--{prefix}\d{{4}}z-->\s*)++)(?=<tr\b)", re.IGNORECASE
        )
        numbers = iter(range(len(found)))
        self.hidden = "".join(
            piece.source if piece.kind == "text" else f"{prefix}{next(numbers):04d}z"
            for piece in found
        )

    def document(self) -> str:
        """The shielded HTML, with tags in running text as comments."""
        html = "".join(self.placed(unit) for unit in scan(self.hidden))
        if not _FRAME.search(html):  # comments in front would stay outside of the body made for it
            html = f"<body>{html}"
        # HTML invents <tbody> before the first row, which would be within the loop over the rows.
        return self._missing_tbody.sub(r"\1<tbody>\2", html)

    def placed(self, unit: Unit) -> str:
        """The unit with its Liquid tags as comments; raises TemplateError where none can be."""
        if unit.kind == "text":
            return self.token.sub(
                lambda found: f"<!--{found[0]}-->" if self[found[1]].name else found[0], unit.source
            )
        if unit.kind == "raw":
            self.refuse(unit.source, f"stands inside <{unit.name}>")
        if unit.kind == "comment" and not unit.inner.startswith("[if"):
            self.refuse(unit.source, "stands inside an HTML comment")
        if unit.kind == "tag":
            for attribute in attributes(unit.source):
                if not attribute.quote:
                    self.refuse(attribute.value, "stands in an attribute without quotes")
        return unit.source

    def __getitem__(self, number: str) -> Piece:
        return self.pieces[int(number)]

    def tokens(self, text: str) -> list[int]:
        return [int(number) for number in self.token.findall(text)]

    def whole(self, text: str) -> Piece | None:
        """The piece that `text` stands for, when it is one token and nothing else."""
        found = self.token.fullmatch(text)
        return self[found[1]] if found else None

    def refuse(self, text: str, why: str) -> None:
        """Raise TemplateError when there is Liquid in `text`."""
        if found := self.token.search(text):
            raise TemplateError(f"Liquid {why}.", line=self[found[1]].line)

    def uncommented(self, html: str) -> str:
        """Tags as bare tokens again."""
        return re.sub(rf"<!--({self.token.pattern})-->", r"\1", html)

    def revealed(self, text: str) -> str:
        """The author's own Liquid, back in its place."""
        return self.token.sub(lambda found: self[found[1]].source, text)

    def restored(self, text: str, how: str) -> str:
        """Liquid in its place, outputs ending in the escape `how`; literal braces stay literal."""

        def restore(found: re.Match[str]) -> str:
            piece = self[found[1]]
            return piece.escaped(how) if piece.kind == "output" else piece.source

        return self.token.sub(restore, self._brace.sub('{{ "{" | _plain }}', text))
