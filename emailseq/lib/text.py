"""Text from outside: what PostgreSQL or a mail header cannot hold is refused at the door."""

from __future__ import annotations

import json
from typing import Any

from emailseq.lib.errors import Invalid, Problem


def check(**values: Any) -> None:
    """Raise Invalid when a value (text, or JSON at any depth) holds NUL or a lone surrogate."""
    problems = [
        Problem(f"/{name}", "invalid_characters", f"{name} holds NUL or half of a character.")
        for name, value in values.items()
        if not (storable(value) if isinstance(value, str) else _storable_json(value))
    ]
    if problems:
        raise Invalid(problems)


def storable(text: str) -> bool:
    """Whether UTF-8 and PostgreSQL can hold the text."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _storable_json(value: Any) -> bool:
    # json.dumps writes NUL as an escape, which jsonb refuses just the same.
    written = json.dumps(value, ensure_ascii=False)
    return storable(written) and "\\u0000" not in written
