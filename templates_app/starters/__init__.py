"""Documents to begin with, one YAML file each. Pure."""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from templates_app.blocks import Document, empty

NAMES = (
    *("welcome", "newsletter", "product", "event"),
    *("receipt", "win-back", "digest", "letter"),
)
# What the links lead to until somebody says where their own pages are.
PLACEHOLDER = "https://example.com"


class Starter(NamedTuple):
    """`sample` is what the message reads of its data, for looking at."""

    slug: str
    name: str
    about: str
    message_class: str
    subject: str
    document: Document
    sample: dict[str, Any]


@lru_cache(maxsize=1)
def starters() -> dict[str, Starter]:
    """All of them by their slugs, in the order of a gallery."""
    return {slug: _read(slug) for slug in NAMES}


def _read(slug: str) -> Starter:
    file = Path(__file__).with_name(f"{slug}.yaml")
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    numbers = count(1)
    document = {
        **empty(),
        "preheader": told["preheader"],
        "theme": told.get("theme", {}),
        "blocks": [_numbered(block, numbers) for block in told["blocks"]],
    }
    return Starter(
        slug=slug,
        name=told["name"],
        about=told["about"],
        message_class=told.get("message_class", "marketing"),
        subject=told["subject"],
        document=document,
        sample=told.get("sample", {}),
    )


def _numbered(block: dict[str, Any], numbers: count[int]) -> dict[str, Any]:
    """The block with an id, and those in it, too."""
    made = {"id": f"b{next(numbers)}", **block}
    if "columns" in made:
        made["columns"] = [
            [_numbered(inner, numbers) for inner in column] for column in made["columns"]
        ]
    return made
