"""Two who are the same person become one."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import sql
from emailseq.lib.errors import Invalid
from subscribers import events, kinds
from subscribers.models import (
    Engagement,
    SignUp,
    Subscriber,
    Subscription,
    Suppression,
    TagAssignment,
)
from subscribers.services.consent import unsubscribe
from subscribers.services.people import archive
from subscribers.services.suppression import suppress
from subscribers.states import Frequency, SubscriptionState, SuppressionReason

FILLED = ("first_name", "last_name", "time_zone", "language", "snoozed_until")


@transaction.atomic
def merge(kept: Subscriber, *, gone: Subscriber, by: Actor) -> None:
    """Make one of two people: what `gone` is, has and did becomes `kept`'s; `gone` is archived.

    What `kept` says of themselves stays, gaps are filled. A no wins: whoever of the two has left a
    list, or everything, has left it. Where both are on a list, the place of `kept` stays. Raises
    Invalid for one person, for two workspaces, and for who is archived or erased.
    """
    locked = Subscriber.objects.filter(pk__in={kept.pk, gone.pk}, workspace=kept.workspace_id)
    found = {row.pk: row for row in locked.order_by("pk").select_for_update()}
    if len(found) < 2 or any(row.archived_at or row.erased_at for row in found.values()):
        detail = "Two people of this workspace are needed, neither archived nor erased."
        raise Invalid.field("gone", "invalid", detail)
    kept.refresh_from_db()
    gone.refresh_from_db()
    filled = _fill(kept, gone)
    _move_places(kept, gone, by=by)
    _move_tags(kept, gone)
    _share_own_no(kept, gone, by=by)
    _move_engagement(kept, gone)
    SignUp.objects.filter(subscriber=gone).update(subscriber=kept)
    sql.run("subscribers", "hand_over_events", {"kept": kept.pk, "gone": gone.pk})
    archive(gone, by=by)
    events.record(kept, kinds.SUBSCRIBER_MERGED, by=by.kind, gone=gone.public_id)
    changes = {"gone": gone.public_id, "email": gone.email, "filled": filled}
    audit.record(kept.workspace_id, "subscriber.merged", by=by, on=kept, changes=changes)


def _fill(kept: Subscriber, gone: Subscriber) -> list[str]:
    """What `kept` does not say of themselves; the names of what that was."""
    found = {name: getattr(gone, name) for name in FILLED if not getattr(kept, name)}
    changed = {name: value for name, value in found.items() if value}
    fields = {**gone.fields, **kept.fields}
    if fields != kept.fields:
        changed["fields"] = fields
    if kept.frequency == Frequency.ALL != gone.frequency:
        changed["frequency"] = gone.frequency
    if gone.created_at < kept.created_at:
        changed["created_at"] = gone.created_at
    for name, value in changed.items():
        setattr(kept, name, value)
    kept.save(update_fields=[*changed, "updated_at"])
    return sorted(changed)


def _move_places(kept: Subscriber, gone: Subscriber, *, by: Actor) -> None:
    own = {place.list_id: place for place in Subscription.objects.filter(subscriber=kept)}
    for place in Subscription.objects.filter(subscriber=gone).select_related("list"):
        if place.list_id not in own:
            Subscription.objects.filter(pk=place.pk).update(subscriber=kept)
            continue
        left = SubscriptionState.UNSUBSCRIBED
        if place.state == left != own[place.list_id].state:
            unsubscribe(kept, by=by, from_list=place.list, reason="merged")


def _move_tags(kept: Subscriber, gone: Subscriber) -> None:
    had = TagAssignment.objects.filter(subscriber=kept).values("tag")
    TagAssignment.objects.filter(subscriber=gone).exclude(tag__in=had).update(subscriber=kept)
    TagAssignment.objects.filter(subscriber=gone).delete()


def _share_own_no(kept: Subscriber, gone: Subscriber, *, by: Actor) -> None:
    """Who has said no to everything has said it with whatever address."""
    own_no = SuppressionReason.UNSUBSCRIBED
    said = Suppression.objects.of(kept.workspace).stopping(gone.address_key)
    if said.filter(reason=own_no).exists():
        suppress(kept.workspace, email=kept.email, reason=own_no, by=by, note="merged")


def _move_engagement(kept: Subscriber, gone: Subscriber) -> None:
    if found := Engagement.objects.filter(subscriber=gone).first():
        told = ((kept.pk, found.points, found.as_of),)
        sql.run("subscribers", "engage", sql.columns(("subscriber_id", "points", "at"), told))
        found.delete()
