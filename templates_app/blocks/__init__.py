"""Templates made of typed blocks: JSON, checked, to MJML. Pure.

`kinds` declares them; `document` reads, `look` and `writer` show, `editing` changes.
"""

from __future__ import annotations

from templates_app.blocks.document import (
    Block,
    Document,
    empty,
    faults,
    faults_of_brand,
    faults_of_saved,
    saved_in,
    schema,
    sources,
    walk,
)
from templates_app.blocks.kinds import KINDS
from templates_app.blocks.look import Look
from templates_app.blocks.writer import to_mjml

__all__ = [
    "KINDS",
    "Block",
    "Document",
    "Look",
    "empty",
    "faults",
    "faults_of_brand",
    "faults_of_saved",
    "saved_in",
    "schema",
    "sources",
    "to_mjml",
    "walk",
]
