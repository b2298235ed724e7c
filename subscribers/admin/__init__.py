from __future__ import annotations

from subscribers.admin import (
    audience,
    fields,
    forms,
    imports,
    lists,
    segments,
    sign_ups,
    suppressions,
)

__all__ = [
    "audience",
    "fields",
    "forms",
    "imports",
    "lists",
    "segments",
    "sign_ups",
    "suppressions",
]
