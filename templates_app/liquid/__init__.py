"""The marketers' language: Liquid with few tags, few filters and hard limits. Pure.

The only importer of the library `liquid`, whose own limits leak: they hold loops and nesting, but
not filters (`replace` with itself made a gigabyte), not ranges (a reversed one takes its length in
memory), and its tokenizer needs seconds for 4,000 blanks between braces. So a source is measured
before the library sees it (`source`), every filter pays for what it makes and every node looks at
the clock (`sandbox`).

Before a message: `pieces`, `check`, `compiled`. Per message: a `Scope`, and each program called
with it.
"""

from __future__ import annotations

from templates_app.liquid.analysis import Analysis, Use, check
from templates_app.liquid.ink import TEXT, Form
from templates_app.liquid.program import Program, compiled
from templates_app.liquid.sandbox import Scope, reason
from templates_app.liquid.source import Piece, TemplateError, pieces

__all__ = [
    "TEXT",
    "Analysis",
    "Form",
    "Piece",
    "Program",
    "Scope",
    "TemplateError",
    "Use",
    "check",
    "compiled",
    "pieces",
    "reason",
]
