"""Markers that people carry."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify

from accounts.audit import Actor
from emailseq.lib import text
from emailseq.lib.errors import Invalid
from subscribers import events, kinds
from subscribers.models import Subscriber, Tag, TagAssignment


@transaction.atomic
def tag(subscriber: Subscriber, *, name: str, by: Actor) -> bool:
    """Give a person the tag of this name, made when it is new; False when they carried it."""
    text.check(name=name)
    slug = slugify(name, allow_unicode=True)[:64]
    if not slug:
        raise Invalid.field("name", "invalid", "A tag is made of letters or digits.")
    wanted, _ = Tag.objects.get_or_create(
        workspace=subscriber.workspace, slug=slug, defaults={"name": name[:64]}
    )
    _, added = TagAssignment.objects.get_or_create(tag=wanted, subscriber=subscriber)
    if added:
        events.record(subscriber, kinds.TAG_ADDED, tag=wanted.name, by=by.kind)
    return added


@transaction.atomic
def untag(subscriber: Subscriber, *, tag: Tag, by: Actor) -> bool:
    """Take a tag from a person; False when they did not carry it."""
    removed, _ = TagAssignment.objects.filter(tag=tag, subscriber=subscriber).delete()
    if removed:
        events.record(subscriber, kinds.TAG_REMOVED, tag=tag.name, by=by.kind)
    return bool(removed)
