from __future__ import annotations

from django.db import models
from django.db.models import Case, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from delivery.models.message import Outbox, SendLedger
from delivery.models.source import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib import clock
from subscribers.models import Subscriber
from templates_app.models import Template


class TransactionalMessageQuerySet(WorkspaceQuerySet["TransactionalMessage"]):
    def with_state(self) -> TransactionalMessageQuerySet:
        """Each with its `state`, and once it is finished `finished_at` and the `reason`, if any."""
        key = {
            "kind": SourceKind.TRANSACTIONAL,
            "source_id": OuterRef("template_id"),
            "subscriber": OuterRef("subscriber_id"),
            "run": OuterRef("pk"),
        }
        waiting = Outbox.objects.filter(**key).annotate(
            place=Case(
                When(doubt_at__isnull=False, then=Value("in_doubt")),
                When(held_at__isnull=False, then=Value("held")),
                When(cancelled_at__isnull=False, then=Value("skipped")),
                default=Value("queued"),
            )
        )
        finished = SendLedger.objects.filter(**key)
        return self.annotate(
            state=Coalesce(
                Subquery(finished.values("outcome")[:1]), Subquery(waiting.values("place")[:1])
            ),
            reason=Coalesce(Subquery(finished.values("reason")[:1]), Value("")),
            finished_at=Subquery(finished.values("finished_at")[:1]),
        )


class TransactionalMessage(WorkspaceModel):
    """What a program has asked to be sent to one person: a receipt, a password link.

    Its row in outbox or ledger has the template as its source, and this one's number as its run.
    """

    prefix = "msg"

    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="+")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(SenderIdentity, on_delete=models.PROTECT, related_name="+")
    data = models.JSONField(default=dict)
    headers = models.JSONField(default=dict, db_default={})
    send_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)  # not sent from then on
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = TransactionalMessageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="transactional_newest_first"),
            # What is to be forgotten one day.
            models.Index(
                fields=["created_at"],
                name="transactional_with_data",
                condition=~models.Q(data={}, headers={}),
            ),
        ]

    def __str__(self) -> str:
        return f"“{self.template}” to {self.subscriber}"


class Attachment(models.Model):
    """A file that goes with a transactional message; kept until that is finished."""

    message = models.ForeignKey(
        TransactionalMessage, on_delete=models.CASCADE, related_name="attachments"
    )
    name = models.CharField(max_length=100)
    content_type = models.CharField(max_length=100)
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.name
