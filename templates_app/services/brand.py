"""The brand of a workspace, and the blocks that its templates share."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock
from emailseq.lib.errors import InUse, Invalid, Problem, Stale
from emailseq.lib.text import check as check_characters
from emailseq.lib.unique import taken
from templates_app import blocks
from templates_app.models import Brand, SavedBlock


def brand_of(workspace: Workspace) -> Brand:
    """The brand of a workspace; until somebody sets one, that of the product."""
    return Brand.objects.of(workspace).first() or Brand(workspace=workspace)


@transaction.atomic
def set_brand(
    workspace: Workspace, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> Brand:
    """Change how messages look. A template looks so from its next publishing on.

    Raises Invalid, and Stale when somebody else has changed it since.
    """
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    brand = brand_of(workspace)
    if expected_revision not in (None, brand.revision):
        raise Stale("Somebody else has changed the brand; look at it again.")
    check_characters(**changes)
    if problems := list(blocks.faults_of_brand(changes)):
        raise Invalid(problems)
    for name, value in changes.items():
        setattr(brand, name, value)
    brand.revision += 1
    brand.updated_at = clock.now()
    brand.save()
    audit.record(workspace, "brand.updated", by=by, on=brand, changes={"changed": sorted(changes)})
    return brand


@transaction.atomic
def save_block(
    workspace: Workspace, *, name: str, slug: str, by: Actor, **members: Any
) -> SavedBlock:
    """Keep `blocks` under a name, for templates to share. Raises Invalid, Conflict."""
    saved = SavedBlock(workspace=workspace)
    _set(saved, name=name, slug=slug, **members)
    with taken("saved block", slug):
        saved.save()
    audit.record(workspace, "saved_block.created", by=by, on=saved)
    return saved


@transaction.atomic
def update_block(
    saved: SavedBlock, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> SavedBlock:
    """Change its name or its blocks. The templates that hold it show that once published again.

    Raises Invalid, and Stale when somebody else has changed it since.
    """
    _lock(saved, expected_revision)
    _set(saved, **changes)
    saved.revision += 1
    saved.updated_at = clock.now()
    saved.save(update_fields=[*changes, "revision", "updated_at"])
    record = {"revision": saved.revision, "changed": sorted(changes)}
    audit.record(saved.workspace_id, "saved_block.updated", by=by, on=saved, changes=record)
    return saved


@transaction.atomic
def delete_block(saved: SavedBlock, *, by: Actor, expected_revision: int | None = None) -> None:
    """Delete a saved block. Raises InUse, naming them, while templates hold it."""
    _lock(saved, expected_revision)
    if used_by := saved.used_by():
        listed = ", ".join(f"“{name}”" for name in used_by[:5])
        raise InUse(f"“{saved}” is still used by {listed}.", used_by=used_by)
    audit.record(saved.workspace_id, "saved_block.deleted", by=by, on=saved)
    saved.delete()


def _lock(saved: SavedBlock, expected_revision: int | None) -> None:
    saved.refresh_from_db(from_queryset=SavedBlock.objects.select_for_update(no_key=True))
    if expected_revision not in (None, saved.revision):
        raise Stale(f"Somebody else has changed “{saved}”; look at it again.")


def _set(saved: SavedBlock, **changes: Any) -> None:
    check_characters(**changes)
    for name, value in changes.items():
        setattr(saved, name, value)
    problems = blocks.faults_of_saved(saved.blocks, at="/blocks")
    if not saved.name.strip():
        problems.append(Problem("/name", "required", "A saved block has a name."))
    if problems:
        raise Invalid(problems)
