"""Saved rules over subscribers. Their members follow by themselves: `segments.refresh`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock, state, text
from emailseq.lib.errors import Invalid, Stale
from emailseq.lib.unique import taken
from subscribers import mentions
from subscribers.models import Segment
from subscribers.segments import references, rules
from subscribers.segments.rules import Rule
from subscribers.states import SEGMENT_MOVES, SegmentKind, SegmentState


@transaction.atomic
def create_segment(
    workspace: Workspace,
    *,
    name: str,
    slug: str,
    rule: Any,
    by: Actor,
    kind: str = SegmentKind.DYNAMIC,
    announce: bool = False,
) -> Segment:
    """Make a segment; its members are looked up within a minute.

    The log tells of the first members only if they are to be announced. Raises Conflict when the
    slug is taken, Invalid with the pointer of every fault of the rule.
    """
    text.check(name=name)
    resolved = references.resolve(rule, workspace, at="/rule")
    with taken("segment", slug):
        made = Segment.objects.create(
            workspace=workspace,
            name=name,
            slug=slug,
            rule=rules.dump(resolved),
            kind=kind,
            announces=announce,
        )
    audit.record(workspace, "segment.created", by=by, on=made, changes={"rule": made.rule})
    return made


@transaction.atomic
def update_segment(
    target: Segment,
    *,
    by: Actor,
    expected_revision: int | None = None,
    announce: bool = False,
    **changes: Any,
) -> Segment:
    """Change name, slug or rule. Who comes and goes by a new rule is told only if `announce`.

    Raises Conflict when the slug is taken, Stale, Invalid, StateConflict for the rule of a frozen
    one.
    """
    segments = _lock(target, expected_revision)
    text.check(name=changes.get("name", ""))
    if "rule" in changes:
        resolved = references.resolve(changes["rule"], target.workspace, at="/rule")
        _check_circle(target, resolved, segments)
        changes["rule"] = rules.dump(resolved)
    changed = {name: value for name, value in changes.items() if getattr(target, name) != value}
    if "rule" in changed:
        _check_dynamic(target)
        changed |= _rebuilding(announce)
    for name, value in changed.items():
        setattr(target, name, value)
    target.revision += 1
    with taken("segment", target.slug):
        target.save(update_fields=[*changed, "revision"])
    told = {name: value for name, value in changed.items() if name in changes}
    audit.record(target.workspace_id, "segment.updated", by=by, on=target, changes=told)
    return target


@transaction.atomic
def freeze_segment(target: Segment, *, by: Actor) -> bool:
    """Keep the members who they are now, whatever becomes of them. False if that was so already.

    One that is still being built keeps whom it finds.
    """
    _lock(target, None)
    if target.kind == SegmentKind.FROZEN:
        return False
    target.kind = SegmentKind.FROZEN
    if target.state != SegmentState.BUILDING:
        target.refresh_due_at = None
    target.revision += 1
    target.save(update_fields=["kind", "refresh_due_at", "revision"])
    audit.record(target.workspace_id, "segment.frozen", by=by, on=target)
    return True


@transaction.atomic
def recount_segment(target: Segment, *, by: Actor) -> bool:
    """Look the members up now rather than when they are due; not those of a frozen one."""
    dynamic = Segment.objects.filter(pk=target.pk, kind=SegmentKind.DYNAMIC, archived_at=None)
    return bool(dynamic.update(refresh_due_at=clock.db_now()))


@transaction.atomic
def let_members_leave(target: Segment, *, by: Actor) -> bool:
    """Answer yes to a segment that asks whether so many may leave. Raises StateConflict."""
    moved = state.move_one(
        target,
        "confirm",
        SEGMENT_MOVES,
        may_lose=True,
        revision=F("revision") + 1,  # a refresh that is under way has not heard of it
        refresh_due_at=clock.db_now(),
    )
    if moved:
        changes = {"leaving": target.leaving_count, "members": target.member_count}
        audit.record(
            target.workspace_id, "segment.leaving_confirmed", by=by, on=target, changes=changes
        )
    return moved


@transaction.atomic
def archive_segment(target: Segment, *, by: Actor) -> bool:
    """Put a segment away; its members stay as they are. False if it was so already.

    Raises InUse while a rule, a sequence or a campaign that is not over names it.
    """
    mentions.check_unused(used_by(target))
    rows = Segment.objects.filter(pk=target.pk, archived_at=None)
    archived = rows.update(archived_at=clock.now())
    if archived:
        audit.record(target.workspace_id, "segment.archived", by=by, on=target)
    return bool(archived)


def used_by(target: Segment) -> set[str]:
    """The names of the segments, sequences and campaigns to come that need this one."""
    starting = Segment.objects.filter(pk=target.pk, starts__isnull=False)
    starting = starting.exclude(starts__sequence__state="archived")
    starts = starting.values_list("starts__sequence__name", flat=True)
    unfinished = ["draft", "scheduled", "sending", "paused"]
    campaigns = (target.campaigns, target.campaigns_without)  # a floor above: by relation only
    names = {
        name
        for rows in campaigns
        for name in rows.filter(state__in=unfinished).values_list("name", flat=True)
    }
    return mentions.of(target.public_id, target.workspace) | set(starts) | names


def _lock(target: Segment, expected_revision: int | None) -> list[Segment]:
    """Lock and refresh a segment that is to be edited; returns all the workspace has.

    All are locked, in one order: two edits at once could close a circle that neither sees.
    """
    open_ones = Segment.objects.of(target.workspace).filter(archived_at=None).order_by("pk")
    segments = list(open_ones.select_for_update(no_key=True))
    target.refresh_from_db()
    if target.archived_at:
        raise Invalid.field("archived_at", "archived", f"“{target}” is archived.")
    if expected_revision not in (None, target.revision):
        raise Stale("Somebody else has changed this segment.")
    return segments


def _check_dynamic(target: Segment) -> None:
    if target.kind == SegmentKind.FROZEN:
        detail = f"“{target}” is frozen: its rule is that of who is in it."
        raise Invalid.field("rule", "frozen", detail)


def _rebuilding(announce: bool) -> dict[str, Any]:
    return {
        "state": SEGMENT_MOVES["rebuild"].target,
        "announces": announce,
        "may_lose": False,
        "refresh_due_at": clock.db_now(),
    }


def _check_circle(target: Segment, rule: Rule, segments: list[Segment]) -> None:
    """Raise Invalid, naming the chain, if the rule leads back to the segment itself."""
    named = {one.public_id: one for one in segments}
    leads_to = {one.public_id: _segments_of(rules.parse(one.rule)) for one in segments}
    leads_to[target.public_id] = _segments_of(rule)
    if chain := _way_back(target.public_id, leads_to):
        said = " → ".join(f"“{named[one]}”" for one in chain)
        raise Invalid.field("rule", "circle", f"Segments cannot be made of each other: {said}.")


def _segments_of(rule: Rule) -> list[str]:
    return [one.ref for one in rules.references(rule) if one.noun == "segment"]


def _way_back(start: str, leads_to: dict[str, list[str]]) -> list[str]:
    """The shortest way from the start to itself; empty if there is none."""
    ways, seen = [[start]], {start}
    for way in ways:  # grows while it is walked
        for ref in leads_to.get(way[-1], []):
            if ref == start:
                return [*way, ref]
            if ref not in seen:
                seen.add(ref)
                ways.append([*way, ref])
    return []
