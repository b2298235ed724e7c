"""What sending a template would be regretted for. Pure.

`unaddressed` is in the way of marketing; `warnings` may well be meant, and are worth a second look.
"""

from __future__ import annotations

from templates_app.lint.reading import Reading, read
from templates_app.lint.rules import Checks, Piece, unaddressed, warnings

__all__ = ["Checks", "Piece", "Reading", "read", "unaddressed", "warnings"]
