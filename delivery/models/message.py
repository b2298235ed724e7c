from __future__ import annotations

from typing import Any

from django.db import models

from accounts.models import WorkspaceQuerySet
from delivery.states import HitKind, LeavingReason, MessageClass, Outcome, Priority, SourceKind

# A row on the wire or in doubt has a lease, so neither column needs to be in an index that every
# wire mark would have to touch.
DUE = models.Q(lease_token=None, held_at=None, cancelled_at=None)
# A reference of rows that come and go all day, and are found by key.
_LOOSE: Any = {
    "on_delete": models.DO_NOTHING,
    "related_name": "+",
    "db_constraint": False,
    "db_index": False,
}


class Message(models.Model):
    """What the outbox and the ledger know of one email to one subscriber.

    (kind, source_id, step_key, run, subscriber) is the message's key: a campaign has step_key ''
    and run 0. `id` stays the same when the message moves from the outbox to the ledger.
    """

    workspace = models.ForeignKey("accounts.Workspace", **_LOOSE)
    kind = models.CharField(max_length=20, choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    step_key = models.CharField(max_length=40, blank=True, default="")
    run = models.IntegerField(default=0)
    variant = models.CharField(max_length=20, blank=True, default="")
    subscriber = models.ForeignKey("subscribers.Subscriber", **_LOOSE)
    list = models.ForeignKey("subscribers.List", null=True, **_LOOSE)
    template_version = models.ForeignKey("templates_app.TemplateVersion", **_LOOSE)
    sender = models.ForeignKey("delivery.SenderIdentity", **_LOOSE)
    message_class = models.CharField(
        max_length=20,
        choices=MessageClass.choices,
        default=MessageClass.MARKETING,
        db_default=MessageClass.MARKETING.value,
    )
    domain_group = models.CharField(
        max_length=253, default="other", db_default="other", db_collation="C"
    )
    # The one that carried it, or may have.
    transport = models.ForeignKey("delivery.Transport", null=True, **_LOOSE)
    queued_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    wire_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class OutboxQuerySet(WorkspaceQuerySet["Outbox"]):
    def in_doubt(self) -> OutboxQuerySet:
        """Messages that may or may not have left, because their worker died on the wire."""
        return self.exclude(doubt_at=None)


class Outbox(Message):
    """A message not finished yet. Small and hot: rows leave it for the ledger."""

    run_at = models.DateTimeField()
    priority = models.SmallIntegerField(
        choices=Priority.choices, default=Priority.CAMPAIGN, db_default=Priority.CAMPAIGN.value
    )
    # The step of the same run whose message it answers: both stand in one thread.
    thread = models.CharField(max_length=40, blank=True, default="", db_default="")
    lease_token = models.UUIDField(null=True)
    doubt_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    last_reply = models.CharField(max_length=500, blank=True, default="")
    repeated = models.BooleanField(default=False, db_default=False)  # after a doubt, and only once

    objects = OutboxQuerySet.as_manager()

    class Meta:
        db_table = "delivery_outbox"
        verbose_name = "message in doubt"  # the only ones with a page
        verbose_name_plural = "in doubt"
        constraints = [
            # In this order it also finds the messages of one person from one source.
            models.UniqueConstraint(
                fields=["kind", "source_id", "subscriber", "step_key", "run"],
                name="a_message_is_queued_once",
            ),
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=False)
                | models.Q(wire_at=None, doubt_at=None),
                name="outbox_on_the_wire_is_leased",
            ),
        ]
        indexes = [
            # Claims hop from place to place, and walk the due rows of each in this order.
            models.Index(
                fields=["priority", "kind", "source_id", "domain_group", "run_at", "id"],
                name="outbox_due",
                condition=DUE,
            ),
            # The reaper and every token-checked write.
            models.Index(
                fields=["lease_token"],
                name="outbox_leased",
                condition=models.Q(lease_token__isnull=False),
            ),
            # What else waits for a person, whatever it comes from: caps, snoozes and erasure.
            models.Index(fields=["subscriber"], name="outbox_of_subscriber"),
            models.Index(
                fields=["id"],
                name="outbox_cancelled",
                condition=models.Q(cancelled_at__isnull=False),
            ),
            models.Index(
                fields=["id"], name="outbox_in_doubt", condition=models.Q(doubt_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id} to {self.subscriber_id}"


class Lease(models.Model):
    """A pump's claim on the rows that carry its token, for as long as it keeps renewing it."""

    token = models.UUIDField(primary_key=True)
    worker = models.CharField(max_length=100)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.worker} until {self.until:%H:%M:%S}"


class SendLedger(Message):
    """What became of each message: append-only but for the first open, click and unsubscribe.

    Partitioned by month of `finished_at`; the table is made by SQL in the first migration.
    """

    id = models.BigIntegerField(primary_key=True)
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.CharField(max_length=200)
    reply = models.CharField(max_length=500)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)
    # Why its reader left, if they said so.
    left_because = models.CharField(
        max_length=10, choices=LeavingReason.choices, default="", db_default=""
    )

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "delivery_ledger"
        verbose_name = "message"

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id} to {self.subscriber_id}: {self.outcome}"


class Hit(models.Model):
    """One request for a pixel or a link, not judged yet; the drain turns it into an event."""

    message_id = models.BigIntegerField()
    kind = models.CharField(max_length=5, choices=HitKind.choices)
    link = models.IntegerField(default=0)
    at = models.DateTimeField()
    user_agent = models.CharField(max_length=300)
    network = models.CharField(max_length=50)

    class Meta:
        # What came together on one message is judged together.
        indexes = [models.Index(fields=["message_id"], name="hit_of_message")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.message_id}"
