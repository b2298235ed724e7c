"""Text from outside: what PostgreSQL or a mail header cannot hold is refused at the door."""

from __future__ import annotations

import json
import re
from typing import Any

from emailseq.lib.errors import Invalid, Problem

# How json.dumps writes NUL; after an odd number of backslashes it is text about an escape.
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def check(**values: Any) -> None:
    """Raise Invalid when a value (text, JSON at any depth) holds NUL, NaN or half a character."""
    problems = [
        Problem(f"/{name}", "invalid_characters", f"{name} holds NUL, NaN or half of a character.")
        for name, value in values.items()
        if not (storable(value) if isinstance(value, str) else storable_json(value))
    ]
    if problems:
        raise Invalid(problems)


def storable(text: str) -> bool:
    """Whether UTF-8 and PostgreSQL can hold the text."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def storable_json(value: Any) -> bool:
    """The same of JSON at any depth, which knows no NaN either."""
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:  # NaN and the infinities are no JSON
        return False
    return storable(written) and not _ESCAPED_NUL.search(written)
