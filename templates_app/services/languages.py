"""The translations of a template as drafts, and as a version keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from templates_app.models import Template, Translation
from templates_app.services import content

KEPT = ("subject", "html", "text", "mode", "source", "document")


def drafts_of(template: Template) -> dict[str, Template]:
    """The translations, each as a draft of its own, with the brand as it is now. Raises Invalid."""
    found = {}
    for row in sorted(template.translations.all(), key=attrgetter("language")):
        own = Template(workspace=template.workspace, message_class=template.message_class)
        for name in KEPT:
            setattr(own, name, getattr(row, name))
        content.make(own)
        found[row.language] = own
    return found


def frozen(drafted: Mapping[str, Template | Translation]) -> dict[str, dict[str, Any]]:
    """The drafts of translations as a version keeps them."""
    return {
        language: {name: getattr(own, name) for name in KEPT} for language, own in drafted.items()
    }
