from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Func, IntegerField, Value

from emailseq.lib import clock
from subscribers.models.subscriber import Subscriber


class EngagementQuerySet(models.QuerySet["Engagement"]):
    def scored(self) -> EngagementQuerySet:
        """With their `score`, as of when they are read."""
        return self.annotate(score=_Score(F("points"), F("as_of"), _Now()))

    def scores(self, ids: Collection[int], *, now: datetime) -> dict[int, int]:
        """From 0 to 100, by subscriber; who has never done anything is not among them."""
        rows = self.filter(subscriber__in=ids)
        return dict(rows.values_list("subscriber_id", _Score(F("points"), F("as_of"), Value(now))))


class Engagement(models.Model):
    """What somebody has done with their mail, in points that halve every thirty days.

    They are as of `as_of`; `subscribers_engagement_score` says what they come to at any time, so
    that nothing has to be counted while nothing happens.
    """

    subscriber = models.OneToOneField(
        Subscriber, on_delete=models.CASCADE, primary_key=True, related_name="engagement"
    )
    points = models.FloatField()
    as_of = models.DateTimeField()

    objects = EngagementQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.subscriber}: {self.points:.1f}"


class _Score(Func):
    function, output_field = "subscribers_engagement_score", IntegerField()


class _Now(Value):
    """The time at which the query is made, not that at which it was written down."""

    def __init__(self) -> None:
        super().__init__(None, models.DateTimeField())

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [clock.now()]
