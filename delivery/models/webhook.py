from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from delivery.states import CallState, EndpointState
from emailseq.lib import clock
from emailseq.lib.encrypted import SecretField


class WebhookEndpointQuerySet(WorkspaceQuerySet["WebhookEndpoint"]):
    def enabled(self) -> WebhookEndpointQuerySet:
        return self.filter(state=EndpointState.ENABLED)

    def callable(self, now: datetime) -> WebhookEndpointQuerySet:
        """Those that have something due and do not rest."""
        due = WebhookCall.objects.due(now).filter(endpoint=models.OuterRef("pk"))
        return self.enabled().filter(
            models.Exists(due), Q(rests_until=None) | Q(rests_until__lte=now)
        )


class WebhookEndpoint(WorkspaceModel):
    """Where somebody wants to hear what happens. `types` are event types; `message.*` is a group.

    `failure_count` counts failures in a row; from some on, it rests between tries.
    """

    prefix = "whk"

    url = models.CharField(max_length=500)
    types = models.JSONField(default=list)
    thin = models.BooleanField(default=False)
    state = models.CharField(
        max_length=10, choices=EndpointState.choices, default=EndpointState.ENABLED, editable=False
    )
    secret = SecretField(editable=False)
    old_secret = SecretField(null=True, editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    failure_count = models.IntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    rests_until = models.DateTimeField(null=True, editable=False)
    succeeded_at = models.DateTimeField(null=True, editable=False)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=EndpointState.values), name="webhook_endpoint_state"
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookCallQuerySet(WorkspaceQuerySet["WebhookCall"]):
    def due(self, now: datetime) -> WebhookCallQuerySet:
        return self.filter(state=CallState.QUEUED, due_at__lte=now)


class WebhookCall(WorkspaceModel):
    """One event on its way to one endpoint; its id and `body` stay the same at every try."""

    prefix = "dlv"

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    event_id = models.BigIntegerField(null=True)
    subscriber_id = models.BigIntegerField(null=True)
    type = models.CharField(max_length=110)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=CallState.choices, default=CallState.QUEUED)
    attempt_count = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    objects = WebhookCallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="an_event_is_told_once"),
            models.CheckConstraint(
                condition=Q(state__in=CallState.values), name="webhook_call_state"
            ),
        ]
        indexes = [
            # What an endpoint has due, oldest first; the partial index is as small as the queue.
            models.Index(
                fields=["endpoint", "due_at"],
                name="webhook_call_due",
                condition=Q(state=CallState.QUEUED),
            ),
            # Whether an earlier event of the same person still waits.
            models.Index(
                fields=["endpoint", "subscriber_id", "id"],
                name="webhook_call_order",
                condition=Q(state=CallState.QUEUED),
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_call_newest_first"),
            models.Index(fields=["created_at"], name="webhook_call_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} to {self.endpoint_id}"


class WebhookAttempt(models.Model):
    """One try of a call, and what the receiver said; status 0 when nobody answered."""

    call = models.ForeignKey(WebhookCall, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=clock.now)
    status = models.IntegerField()
    answer = models.TextField()
    milliseconds = models.IntegerField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.status} after {self.milliseconds} ms"
