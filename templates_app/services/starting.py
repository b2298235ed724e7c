"""Templates that begin with a starter."""

from __future__ import annotations

from typing import Any

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib.errors import Invalid
from templates_app.models import Template
from templates_app.services.brand import brand_of
from templates_app.services.drafts import create_template
from templates_app.starters import PLACEHOLDER, starters


def start_template(
    workspace: Workspace, *, starter: str, name: str, slug: str, by: Actor
) -> Template:
    """Make a draft of a starter, its links on the website of the brand, if that has one.

    Raises Invalid when there is no such starter, Conflict when the slug is taken.
    """
    if starter not in starters():
        listed = ", ".join(starters())
        raise Invalid.field("starter", "invalid_choice", f"Choose one of: {listed}.")
    chosen = starters()[starter]
    website = brand_of(workspace).website.rstrip("/") or PLACEHOLDER
    return create_template(
        workspace,
        name=name,
        slug=slug,
        subject=chosen.subject,
        message_class=chosen.message_class,
        document=_linked(chosen.document, website),
        by=by,
    )


def _linked(value: Any, website: str) -> Any:
    """A copy with the links on that website."""
    if isinstance(value, dict):
        return {key: _linked(each, website) for key, each in value.items()}
    if isinstance(value, list):
        return [_linked(each, website) for each in value]
    return value.replace(PLACEHOLDER, website) if isinstance(value, str) else value
