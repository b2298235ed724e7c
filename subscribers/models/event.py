from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from accounts.models import Workspace, WorkspaceQuerySet
from emailseq.lib import ids
from subscribers import kinds

# What of an event's properties means something outside; the rest is between consumers.
SHOWN = ("because", "by", "changed", "excerpt", "fields", "link", "reason", "run", "segment", "tag")


class Event(models.Model):
    """A fact in the log: append-only, partitioned by month, written by `events.record_many` alone.

    `xid` is the writing transaction, which is what cursors order by. The table is made by SQL in
    the first migration; its primary key is (id, recorded_at).
    """

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(editable=False)
    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    subscriber = models.ForeignKey(
        "subscribers.Subscriber",
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    kind = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    source_kind = models.CharField(max_length=20)
    source_id = models.BigIntegerField()
    step_key = models.CharField(max_length=40)
    variant = models.CharField(max_length=20)
    message_id = models.BigIntegerField(null=True)
    verdict = models.CharField(max_length=10)
    properties = models.JSONField()
    name = models.CharField(max_length=100)  # of a custom event, chosen by whoever sent it
    late = models.BooleanField()  # told so long after the fact that it sets nothing off

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "subscribers_event"

    def __str__(self) -> str:
        return self.kind

    @property
    def public_id(self) -> str:
        return public_id(self.pk, self.recorded_at)

    @property
    def list_id(self) -> int | None:
        """The list that it is about; what an integrator calls so means nothing here."""
        return None if self.kind == kinds.CUSTOM else self.properties.get("list_id")

    @property
    def shown(self) -> dict[str, Any]:
        """Its properties as people outside may see them: all of what they have told themselves."""
        if self.kind == kinds.CUSTOM:
            return dict(self.properties)
        return {name: self.properties[name] for name in SHOWN if name in self.properties}


def public_id(event_id: int, recorded_at: datetime) -> str:
    """`evt_…`: made from what the log has anyway, so that no column and no index holds it."""
    return ids.encode("evt", ids.of_row(event_id, at=recorded_at))


class EventKey(models.Model):
    """The id that an integrator gave an event: for a month the same fact is not taken twice."""

    pk = models.CompositePrimaryKey("workspace_id", "key")
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    key = models.CharField(max_length=64, db_collation="C")
    event_id = models.BigIntegerField()
    recorded_at = models.DateTimeField(db_index=True)  # what the tick that forgets reads

    def __str__(self) -> str:
        return self.key


class EventName(models.Model):
    """A name that integrators have used, and the properties seen with it: `{"total": "number"}`."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=64)
    properties = models.JSONField()
    first_seen_at = models.DateTimeField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="event_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Cursor(models.Model):
    """A consumer's place in the log: everything up to (xid, event_id) has had its effect."""

    name = models.CharField(max_length=40, primary_key=True)
    xid = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(null=True)
    parked_event_id = models.BigIntegerField(null=True)
    parked_at = models.DateTimeField(null=True)
    parked_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class LogBase(models.Model):
    """One row: what this cluster adds to its transaction ids, so that they order the whole log."""

    system_identifier = models.BigIntegerField()
    base = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.base} in {self.system_identifier}"
