from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Case, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from delivery.models.message import Outbox, SendLedger
from delivery.models.source import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib import clock
from subscribers.models import Subscriber
from templates_app.models import Template

# How a row of the outbox stands.
PLACE = Case(
    When(doubt_at__isnull=False, then=Value("in_doubt")),
    When(held_at__isnull=False, then=Value("held")),
    When(cancelled_at__isnull=False, then=Value("skipped")),
    default=Value("queued"),
)


class TransactionalMessageQuerySet(WorkspaceQuerySet["TransactionalMessage"]):
    def with_state(self) -> TransactionalMessageQuerySet:
        """Each with its `state`, and once it is finished `finished_at` and the `reason`, if any."""
        key = {
            "kind": SourceKind.TRANSACTIONAL,
            "source_id": OuterRef("template_id"),
            "subscriber": OuterRef("subscriber_id"),
            "run": OuterRef("pk"),
        }
        waiting = Outbox.objects.filter(**key)
        finished = SendLedger.objects.filter(**key).order_by("-id")  # the last time of several
        return self.annotate(
            place=Subquery(waiting.annotate(place=PLACE).values("place")[:1]),
            state=Coalesce("place", Subquery(finished.values("outcome")[:1])),
            reason=Case(
                When(place=None, then=Subquery(finished.values("reason")[:1])),
                default=Value(""),
                output_field=models.CharField(),
            ),
            finished_at=Case(
                When(place=None, then=Subquery(finished.values("finished_at")[:1])),
                output_field=models.DateTimeField(),
            ),
        )


class TransactionalMessage(WorkspaceModel):
    """What a program has asked to be sent to one person: a receipt, a password link.

    Its row in outbox or ledger has the template as its source, and this one's number as its run;
    each time that it was tried again has a step key of its own.
    """

    prefix = "msg"

    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="+")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(SenderIdentity, on_delete=models.PROTECT, related_name="+")
    data = models.JSONField(default=dict)
    headers = models.JSONField(default=dict, db_default={})
    send_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)  # not sent from then on
    to_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    track = models.BooleanField(default=False, db_default=False)  # count opens and clicks
    language = models.CharField(max_length=10, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = TransactionalMessageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="transactional_newest_first"),
            # What is to be forgotten one day.
            models.Index(
                fields=["created_at"],
                name="transactional_with_data",
                condition=~models.Q(data={}, headers={}, to_name=""),
            ),
        ]

    def __str__(self) -> str:
        return f"“{self.template}” to {self.subscriber}"

    @property
    def key(self) -> dict[str, Any]:
        """What its rows in outbox and ledger have in common."""
        return {
            "kind": SourceKind.TRANSACTIONAL,
            "source_id": self.template_id,
            "subscriber": self.subscriber_id,
            "run": self.pk,
        }

    def attempts(self) -> list[Outbox | SendLedger]:
        """Its rows in ledger and outbox, each with its `state`, the first time first."""
        waiting = Outbox.objects.filter(**self.key).annotate(state=PLACE)
        ledger = SendLedger.objects.filter(**self.key).annotate(
            state=F("outcome")
        )  # asked last, as messages move there
        found = {
            row.pk: row for rows in (waiting, ledger) for row in rows.select_related("transport")
        }
        return [found[pk] for pk in sorted(found)]


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
