"""Markers that people carry."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock, sql, text
from emailseq.lib.errors import Invalid
from emailseq.lib.unique import taken
from subscribers import events, kinds, mentions
from subscribers.events import NewEvent
from subscribers.models import Subscriber, Tag, TagAssignment


@transaction.atomic
def create_tag(workspace: Workspace, *, name: str, by: Actor, slug: str = "") -> Tag:
    """Make a tag. Raises Conflict when the slug, made of the name by default, is taken."""
    text.check(name=name)
    slug = slug or _slug_of(name)
    with taken("tag", slug):
        made = Tag.objects.create(workspace=workspace, name=name, slug=slug)
    audit.record(workspace, "tag.created", by=by, on=made)
    return made


@transaction.atomic
def update_tag(tag: Tag, *, by: Actor, **changes: Any) -> Tag:
    """Change the name or the slug. Raises Conflict when the slug is taken."""
    text.check(**changes)
    for name, value in changes.items():
        setattr(tag, name, value)
    with taken("tag", tag.slug):
        tag.save(update_fields=list(changes))
    audit.record(tag.workspace_id, "tag.updated", by=by, on=tag, changes=changes)
    return tag


@transaction.atomic
def delete_tag(tag: Tag, *, by: Actor) -> bool:
    """Take a tag away from everybody, for good. Raises InUse while a rule or a sequence names it.

    The log does not say of each person that they lost it: nothing shall start because of this.
    """
    starting = Tag.objects.filter(pk=tag.pk, starts__isnull=False)
    starts = set(starting.values_list("starts__sequence__name", flat=True))
    mentions.check_unused(mentions.of(tag.public_id, tag.workspace) | starts)
    audit.record(tag.workspace_id, "tag.deleted", by=by, on=tag)
    deleted, _ = Tag.objects.filter(pk=tag.pk).delete()
    return bool(deleted)


@transaction.atomic
def tag(subscriber: Subscriber, *, name: str, by: Actor) -> bool:
    """Give a person the tag of this name, made when it is new; False when they carried it."""
    text.check(name=name)
    wanted, _ = Tag.objects.get_or_create(
        workspace=subscriber.workspace, slug=_slug_of(name), defaults={"name": name[:64]}
    )
    return bool(tag_people(wanted, [subscriber.pk], by=by))


@transaction.atomic
def untag(subscriber: Subscriber, *, tag: Tag, by: Actor) -> bool:
    """Take a tag from a person; False when they did not carry it."""
    return bool(untag_people(tag, [subscriber.pk], by=by))


@transaction.atomic
def tag_people(tag: Tag, people: Collection[int], *, by: Actor) -> int:
    """Give people of the tag's workspace, by id, the tag; how many did not carry it before."""
    arguments = {"tag_id": tag.pk, "people": list(people), "now": clock.now()}
    rows = sql.fetch("subscribers", "tag_people", arguments)
    return _record(kinds.TAG_ADDED, tag, (pk for (pk,) in rows), by=by)


@transaction.atomic
def untag_people(tag: Tag, people: Collection[int], *, by: Actor) -> int:
    """Take a tag from people, by id; how many carried it."""
    carried = TagAssignment.objects.filter(tag=tag, subscriber__in=people)
    losing = carried.select_for_update().order_by("subscriber").values_list("pk", "subscriber")
    lost = dict(losing)
    TagAssignment.objects.filter(pk__in=lost).delete()
    return _record(kinds.TAG_REMOVED, tag, lost.values(), by=by)


def _slug_of(name: str) -> str:
    if slug := slugify(name, allow_unicode=True)[:64]:
        return slug
    raise Invalid.field("name", "invalid", "A tag is made of letters or digits.")


def _record(kind: str, tag: Tag, people: Iterable[int], *, by: Actor) -> int:
    properties = {"tag": tag.name, "tag_id": tag.pk, "by": by.kind}
    now = clock.now()
    return events.record_many(
        NewEvent(tag.workspace_id, person, kind, now, properties=properties) for person in people
    )
