from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_SOURCE = 512 * 1024
MAX_PIECES = 2_000
MAX_PIECE = 4_000

_OPENING = re.compile(r"\{[{%]")
_BLANKS = re.compile(r"\s{101}")
_TAG_NAME = re.compile(r"\{%-?\s*(\w+)")
_TAGS = frozenset(
    {"if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase"}
    | {"for", "break", "continue", "endfor", "assign", "capture", "endcapture", "comment"}
)


class TemplateError(ValueError):
    """The template cannot be used; `message` is for its author, `line` 0 when unknown."""

    def __init__(self, message: str, *, line: int = 0) -> None:
        super().__init__(f"Line {line}: {message}" if line else message)
        self.message = message
        self.line = line


class Piece(NamedTuple):
    """One stretch of a source: `text`, an `output` `{{ }}`, or a `tag` `{% %}` with its name.

    A comment is a single tag piece, from its opening to its end.
    """

    kind: str
    source: str
    line: int
    name: str = ""

    def escaped(self, how: str) -> str:
        """The same output with the filter `how` at its end."""
        left, body, right = self.source[:2], self.source[2:-2], self.source[-2:]
        if body.startswith("-"):
            left, body = left + "-", body[1:]
        if body.endswith("-"):
            body, right = body[:-1], "-" + right
        return f"{left} {body.strip()} | {how} {right}"


def pieces(source: str) -> list[Piece]:
    """Cut a source into its pieces, in linear time. Raises TemplateError."""
    if len(source) > MAX_SOURCE or len(source.encode()) > MAX_SOURCE:
        raise TemplateError(f"The template is larger than {MAX_SOURCE // 1024} KB.")
    found = list(_pieces(source))
    if sum(piece.kind != "text" for piece in found) > MAX_PIECES:
        raise TemplateError(f"The template has more than {MAX_PIECES} Liquid tags.")
    return list(_joined_comments(found))


def _pieces(source: str) -> Iterator[Piece]:
    position, line = 0, 1
    while start := _OPENING.search(source, position):
        if literal := source[position : start.start()]:
            yield Piece("text", literal, line)
            line += literal.count("\n")
        end = source.find("}}" if start[0] == "{{" else "%}", start.end())
        if end < 0:
            raise TemplateError(f"“{start[0]}” is never closed.", line=line)
        position = end + 2
        yield _piece(source[start.start() : position], line)
        line += source.count("\n", start.start(), position)
    if literal := source[position:]:
        yield Piece("text", literal, line)


def _piece(source: str, line: int) -> Piece:
    if len(source) > MAX_PIECE or _BLANKS.search(source):
        raise TemplateError("A Liquid tag is too long.", line=line)
    if source.startswith("{{"):
        if not source[2:-2].strip("- \t\r\n"):
            raise TemplateError("“{{ }}” is empty.", line=line)
        return Piece("output", source, line)
    name = _TAG_NAME.match(source)
    if not name:
        raise TemplateError("“{% %}” has no tag name.", line=line)
    if name[1] in ("raw", "doc"):  # the library looks for the end of each, even in comments
        raise TemplateError(f"There is no tag “{name[1]}”.", line=line)
    return Piece("tag", source, line, name[1])


def _joined_comments(found: Iterable[Piece]) -> Iterator[Piece]:
    comment: list[Piece] = []
    depth = 0
    for piece in found:
        if comment or piece.name == "comment":
            comment.append(piece)
            depth += {"comment": 1, "endcomment": -1}.get(piece.name, 0)
            if not depth:
                source = "".join(part.source for part in comment)
                yield Piece("tag", source, comment[0].line, "comment")
                comment = []
        elif piece.name and piece.name not in _TAGS:
            raise TemplateError(f"There is no tag “{piece.name}”.", line=piece.line)
        else:
            yield piece
    if comment:
        raise TemplateError("The comment is never closed.", line=comment[0].line)
