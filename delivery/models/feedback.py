from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from accounts.models import Workspace, WorkspaceQuerySet
from delivery.states import FeedbackKind
from emailseq.lib import clock


class FeedbackQuerySet(WorkspaceQuerySet["Feedback"]):
    def bad(self) -> FeedbackQuerySet:
        """What somebody should look at: bounces, complaints and remarks."""
        return self.exclude(kind__in=GOOD)


GOOD = (
    *(FeedbackKind.DELIVERED, FeedbackKind.DEFERRED, FeedbackKind.UNSUBSCRIBED),
    *(FeedbackKind.AUTO_REPLY, FeedbackKind.REPLIED),
)


class Feedback(models.Model):
    """One kind of thing that came back of one message, however often it was told.

    Of several tellings the earliest is kept. `address_key` is the address that it is about; empty,
    and without effect, where that is no longer the subscriber's.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    message_id = models.BigIntegerField()
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=20, choices=FeedbackKind.choices)
    at = models.DateTimeField()
    address_key = models.CharField(max_length=254, blank=True, db_collation="C")
    status = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    told_by = models.CharField(max_length=100, blank=True)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "bounces and complaints"
        constraints = [
            models.UniqueConstraint(fields=["message_id", "kind"], name="feedback_is_told_once"),
            models.CheckConstraint(
                condition=Q(kind__in=FeedbackKind.values), name="feedback_kind_is_known"
            ),
        ]
        indexes = [
            # What speaks for and against an address.
            models.Index(fields=["subscriber", "at"], name="feedback_of_subscriber"),
            models.Index(
                fields=["workspace", "-id"],
                name="feedback_to_look_at",
                condition=~Q(kind__in=GOOD),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address_key}: {self.get_kind_display()}"


class CallbackQuerySet(models.QuerySet["Callback"]):
    def due(self, now: datetime) -> CallbackQuerySet:
        return self.filter(due_at__lte=now).order_by("due_at", "id")

    def parked(self) -> CallbackQuerySet:
        """Those that could not be applied, try after try."""
        return self.filter(due_at=None, applied_at=None)


class Callback(models.Model):
    """Something that came in about messages: written down as it came, then applied by a tick.

    `form` says who reads the body, `origin` which way it came in, `note` what it came to or what is
    wrong with it. Nothing is due any more where it was applied, or parked after too many tries.
    """

    class Form(models.TextChoices):
        MAIL = "mail", "Mail"
        ESP = "esp", "ESP"

    form = models.CharField(max_length=10, choices=Form.choices)
    origin = models.CharField(max_length=100)
    transport = models.ForeignKey(
        "delivery.Transport", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    sha256 = models.BinaryField(max_length=32, unique=True)
    body = models.BinaryField()
    received_at = models.DateTimeField(default=clock.now, db_index=True)
    due_at = models.DateTimeField(null=True, default=clock.now)
    tries = models.IntegerField(default=0)
    applied_at = models.DateTimeField(null=True)
    harm = models.IntegerField(default=0)  # how many suppressions it asks for
    note = models.CharField(max_length=500, blank=True)

    objects = CallbackQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="callback_due", condition=Q(due_at__isnull=False)
            ),
            models.Index(
                fields=["origin", "applied_at"],
                name="callback_harm",
                condition=Q(harm__gt=0),
            ),
            # What `doctor` counts.
            models.Index(
                fields=["id"], name="callback_parked", condition=Q(due_at=None, applied_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.origin}, {self.received_at:%Y-%m-%d %H:%M:%S}"


class ForwardQuerySet(models.QuerySet["Forward"]):
    def due(self, now: datetime) -> ForwardQuerySet:
        return self.filter(due_at__lte=now).order_by("due_at", "id")

    def parked(self) -> ForwardQuerySet:
        """Those that could not be handed over, try after try."""
        return self.filter(due_at=None, sent_at=None)


class Forward(models.Model):
    """An answer that came to a return path, on its way to whom its sender reads it."""

    callback = models.OneToOneField(Callback, on_delete=models.CASCADE, related_name="forward")
    message_id = models.BigIntegerField()
    due_at = models.DateTimeField(null=True, default=clock.now)
    tries = models.IntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=300, blank=True)

    objects = ForwardQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="forward_due", condition=Q(due_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"answer to {self.message_id}"
