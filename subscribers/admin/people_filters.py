"""What the list of people is narrowed down by: lists, tags and segments of the workspace."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from subscribers.models import List, Segment, SegmentMember, Subscriber, Subscription, Tag
from subscribers.models import TagAssignment as Carried
from subscribers.states import SubscriptionState

MOST = 100


class _Having(SimpleListFilter):
    """Whoever has a row of `rows` that names one of the workspace's `things`, as its parameter."""

    things: Any
    rows: Any

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        found = self.things.objects.of(request.workspace).order_by("name")
        if hasattr(self.things, "archived_at"):
            found = found.filter(archived_at=None)
        return [(str(each.pk), each.name) for each in found[:MOST]]

    def queryset(self, request: Any, people: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
        if self.value() not in {pk for pk, _name in self.lookup_choices}:
            return people
        named: dict[str, Any] = {
            str(self.parameter_name): self.value(),
            "subscriber": OuterRef("pk"),
        }
        return people.filter(Exists(self.rows.objects.filter(**named)))


class OnList(_Having):
    title = _("list")
    parameter_name = "list"
    things, rows = List, Subscription


class WithTag(_Having):
    title = _("tag")
    parameter_name = "tag"
    things, rows = Tag, Carried


class InSegment(_Having):
    title = _("segment")
    parameter_name = "segment"
    things, rows = Segment, SegmentMember


class InState(SimpleListFilter):
    """Of their place on the list that is chosen, or on any."""

    title = _("place on a list")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return list(SubscriptionState.choices)

    def queryset(self, request: Any, people: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
        if self.value() not in SubscriptionState.values:
            return people
        named: dict[str, Any] = {"state": self.value(), "subscriber": OuterRef("pk")}
        if (on := request.GET.get("list", "")).isdecimal():
            named["list"] = on
        return people.filter(Exists(Subscription.objects.filter(**named)))
