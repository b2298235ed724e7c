"""The pictures of a workspace: kept, named, put away."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock, signing
from emailseq.lib.errors import AppError, Invalid
from emailseq.lib.text import check as check_characters
from templates_app import pictures
from templates_app.models import Image
from templates_app.pictures import BadPicture, Drawn

FOLDER = "images"
MOST_READ = pictures.MOST_BYTES + 1  # of an upload: one byte too many is seen


class NotStored(AppError):
    """The storage takes no file; nothing was kept."""

    code = "not_stored"


def keep_image(
    workspace: Workspace, *, content: bytes, name: str, by: Actor, alt: str = ""
) -> Image:
    """Draw a picture anew and keep it; one that is there already is that one, and back.

    Raises Invalid for what is no picture, or too large a one, and NotStored.
    """
    check_characters(name=name, alt=alt)
    try:
        drawn = pictures.redraw(content)
    except BadPicture as error:
        raise Invalid.field("file", "invalid_image", str(error)) from None
    digest = sha256(drawn.content).digest()
    key = signing.digest("image", workspace.pk.to_bytes(8) + digest)[:16].hex()
    _store(f"{FOLDER}/{key}.{drawn.kind}", drawn.content)
    return _note(workspace, drawn, digest.hex(), key, name=name[:100], alt=alt[:300], by=by)


@transaction.atomic
def change_image(image: Image, *, by: Actor, **changes: Any) -> Image:
    """Change its name, or what it is said to show. Raises Invalid."""
    check_characters(**changes)
    for field, value in changes.items():
        setattr(image, field, value)
    if not image.name.strip():
        raise Invalid.field("name", "required", "An image has a name.")
    image.save(update_fields=list(changes))
    audit.record(image.workspace_id, "image.updated", by=by, on=image, changes=changes)
    return image


@transaction.atomic
def archive_image(image: Image, *, by: Actor) -> bool:
    """Offer an image no more. Messages show it for ever. False when that was so already."""
    archived = Image.objects.filter(pk=image.pk, archived_at=None).update(archived_at=clock.now())
    if archived:
        audit.record(image.workspace_id, "image.archived", by=by, on=image)
    return bool(archived)


@transaction.atomic
def _note(workspace: Workspace, drawn: Drawn, digest: str, key: str, **named: Any) -> Image:
    by = named.pop("by")
    image, is_new = Image.objects.get_or_create(
        workspace=workspace,
        sha256=digest,
        defaults={
            "key": key,
            "kind": drawn.kind,
            "width": drawn.width,
            "height": drawn.height,
            "byte_count": len(drawn.content),
            **named,
        },
    )
    if image.archived_at:
        image.archived_at = None
        image.save(update_fields=["archived_at"])
    if is_new:
        audit.record(workspace, "image.created", by=by, on=image)
    return image


def _store(path: str, content: bytes) -> None:
    """Write the file before the row that names it; half a one, of a crash, is written anew."""
    try:
        if default_storage.exists(path):
            if default_storage.size(path) == len(content):
                return
            default_storage.delete(path)
        default_storage.save(path, ContentFile(content))
    except OSError as error:
        raise NotStored(f"The picture cannot be stored: {error.strerror or error}.") from error
