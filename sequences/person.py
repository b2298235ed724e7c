"""A person in memory: what a simulation knows of them, and what becomes of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from emailseq.lib import localtime
from sequences.actions import Action, AddList, AddTag, RemoveList, RemoveTag, SetField
from sequences.conditions import EventHappens, Happening, Replies, RuleHolds
from subscribers.segments import evaluate
from subscribers.segments.evaluate import Fact, Profile


class Person:
    """Somebody as they are by now, for one run: of the sequence `source`, begun by an event with
    the properties `entry`. `zone` is the workspace's."""

    def __init__(
        self, profile: Profile, *, source: str, entry: Mapping[str, Any], zone: ZoneInfo
    ) -> None:
        self.source, self.entry, self.workspace_zone = source, entry, zone
        self.values, self.tags = dict(profile.values), set(profile.tags)
        self.lists, self.segments = dict(profile.lists), profile.segments
        self.facts, self.archived = list(profile.facts), profile.archived

    @property
    def zone(self) -> ZoneInfo:
        return localtime.zone_or(self._zone_name, self.workspace_zone)[0]

    @property
    def has_bad_zone(self) -> bool:
        return bool(self._zone_name) and not localtime.zone_or(self._zone_name, self.zone)[1]

    @property
    def _zone_name(self) -> str:
        return str(self.values.get("time_zone") or "")

    def is_subscribed(self, list_ref: str) -> bool:
        """Whether they confirmed the list; '' is any."""
        places = [self.lists.get(list_ref)] if list_ref else self.lists.values()
        return "confirmed" in places

    def happen(self, fact: Fact) -> None:
        """Something comes to pass; a tag or a list that it gives or takes, it gives or takes."""
        self.facts.append(fact)
        match fact.kind, fact.properties:
            case "tag.added", {"tag": ref}:
                self.tags.add(ref)
            case "tag.removed", {"tag": ref}:
                self.tags.discard(ref)
            case "subscription.confirmed", {"list": ref}:
                self.lists[ref] = "confirmed"
            case "subscription.unsubscribed", {"list": ref}:
                self.lists[ref] = "unsubscribed"

    def undergo(self, action: Action) -> None:
        """What an action makes of them; what it does elsewhere, it does not do."""
        match action:
            case AddTag(ref):
                self.tags.add(ref)
            case RemoveTag(ref):
                self.tags.discard(ref)
            case AddList(ref):
                self.lists[ref] = "confirmed"
            case RemoveList(ref):
                self.lists[ref] = "unsubscribed"
            case SetField(name, value):
                self.values[name] = value

    def holds(self, when: RuleHolds, now: datetime) -> bool:
        profile = Profile(
            self.values, self.tags, self.lists, self.segments, self.facts, self.archived
        )
        return evaluate.holds(when.rule, profile, now, zone=self.workspace_zone.key)

    def first(self, when: Happening, *, since: datetime) -> datetime | None:
        """When it first happened after `since`, None if it has not."""
        moments = (fact.occurred_at for fact in self.facts if self.meets(when, fact))
        return min((moment for moment in moments if moment > since), default=None)

    def meets(self, when: Happening, fact: Fact) -> bool:
        """Whether the fact is what a run may wait for."""
        if isinstance(when, EventHappens):
            zone = self.workspace_zone.key
            return (fact.kind, fact.name) == ("custom", when.name) and evaluate.matches(
                when.where, fact.properties, self.entry, now=fact.occurred_at, zone=zone
            )
        mine = fact.source in ("", self.source)
        if isinstance(when, Replies):
            return mine and fact.kind == "message.replied"
        judged = fact.kind == f"message.{when.verb}" and fact.verdict == "human"
        return mine and judged and when.step_key in ("", fact.step)
