"""People of the database as rules see them one by one: for simulations, and to explain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.apps import apps

from accounts.models import Workspace
from emailseq.lib import clock
from emailseq.lib import ids as public_ids
from subscribers.models import (
    Engagement,
    Event,
    SegmentMember,
    Subscriber,
    Subscription,
    TagAssignment,
)
from subscribers.segments.evaluate import Fact, Profile
from subscribers.segments.references import BUILT_IN, MODELS


def load(workspace: Workspace, ids: Collection[int]) -> dict[int, Profile]:
    """The profiles of these people of the workspace, by id, with all that happened to them."""
    people = Subscriber.objects.of(workspace).filter(pk__in=ids)
    of_people = {"subscriber__in": people}
    tags = TagAssignment.objects.filter(**of_people).values_list("subscriber", "tag__uid")
    lists = Subscription.objects.filter(**of_people).values_list("subscriber", "list__uid", "state")
    segments = SegmentMember.objects.filter(
        segment__workspace=workspace, subscriber__in=ids
    ).values_list("subscriber", "segment__uid")
    events = list(Event.objects.of(workspace).filter(subscriber__in=ids))
    tags_of, lists_of = _grouped("tag", tags), _grouped("list", lists)
    scores = Engagement.objects.scores(ids, now=clock.now())
    segments_of, facts_of = _grouped("segment", segments), _facts(events)
    return {
        person.pk: Profile(
            values={
                **person.fields,
                **{name: getattr(person, name) for name in BUILT_IN if name != "engagement"},
                "engagement": scores.get(person.pk, 0),
            },
            tags=tags_of[person.pk].keys(),
            lists={ref: state for ref, (state,) in lists_of[person.pk].items()},
            segments=segments_of[person.pk].keys(),
            facts=facts_of[person.pk],
            archived=person.archived_at is not None,
        )
        for person in people
    }


def _grouped(noun: str, rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, tuple[Any, ...]]]:
    """By person: what comes with each thing, by its public id."""
    prefix = _model(noun).prefix
    found: dict[int, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for person, uid, *rest in rows:
        found[person][public_ids.encode(prefix, uid)] = tuple(rest)
    return found


def _facts(events: Collection[Event]) -> dict[int, list[Fact]]:
    sources = _sources(events)
    found: dict[int, list[Fact]] = defaultdict(list)
    for event in events:
        found[event.subscriber_id or 0].append(
            Fact(
                event.kind,
                event.occurred_at,
                event.name,
                sources.get((event.source_kind, event.source_id), ""),
                event.step_key,
                event.verdict,
                event.properties,
            )
        )
    return found


def _sources(events: Iterable[Event]) -> dict[tuple[str, int], str]:
    """The public ids of what the events came from."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for event in events:
        if event.source_kind in MODELS:
            wanted[event.source_kind].add(event.source_id)
    return {
        (noun, row.pk): row.public_id
        for noun, pks in wanted.items()
        for row in _model(noun).objects.filter(pk__in=pks)
    }


def _model(noun: str) -> Any:
    return apps.get_model(MODELS[noun])
