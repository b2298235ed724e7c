from __future__ import annotations

from datetime import datetime

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from delivery.models.transport import Transport
from emailseq.lib import clock
from emailseq.lib.encrypted import SecretField


class MailboxQuerySet(WorkspaceQuerySet["Mailbox"]):
    def in_use(self) -> MailboxQuerySet:
        return self.filter(archived_at=None)

    def due(self, now: datetime) -> MailboxQuerySet:
        return self.in_use().filter(due_at__lte=now).order_by("due_at", "id")

    def failing(self) -> MailboxQuerySet:
        return self.in_use().exclude(failing_since=None)


class Mailbox(WorkspaceModel):
    """Where bounces or answers arrive; a tick takes in what is new.

    It is emptied or, where people read it too, left as it is: then `last_uid` is the newest mail
    that was taken in, counted from `uid_validity` on (RFC 3501).
    """

    prefix = "mbx"

    class Protocol(models.TextChoices):
        IMAP = "imap", "IMAP"
        POP3 = "pop3", "POP3"

    name = models.CharField(max_length=100)
    protocol = models.CharField(max_length=10, choices=Protocol.choices, default=Protocol.IMAP)
    host = models.CharField(max_length=253)
    port = models.IntegerField(default=993)
    tls = models.CharField(
        max_length=10, choices=Transport.Tls.choices, default=Transport.Tls.IMPLICIT
    )
    username = models.CharField(max_length=200)
    password = SecretField(null=True)
    folder = models.CharField(max_length=100, default="INBOX")
    empties = models.BooleanField(default=True)
    uid_validity = models.BigIntegerField(default=0, editable=False)
    last_uid = models.BigIntegerField(default=0, editable=False)
    due_at = models.DateTimeField(default=clock.now, editable=False)
    read_at = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    failure_count = models.IntegerField(default=0, editable=False)
    fault = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)

    objects = MailboxQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "mailboxes"

    def __str__(self) -> str:
        return self.name
