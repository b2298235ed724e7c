from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from delivery.states import DomainState, KeyAlgorithm, KeyState
from emailseq.lib import clock
from emailseq.lib.encrypted import SecretField

RECHECK = timedelta(days=1)
KEEP_PUBLISHED = timedelta(days=7)  # what a replaced key has signed may still be on its way


class SendingDomainQuerySet(WorkspaceQuerySet["SendingDomain"]):
    def closest(self, emails: Iterable[str]) -> dict[str, SendingDomain]:
        """For each address the domain that it lies in, or below; the longest, if there are several.

        That is the one that signs for it, once it has a key that does (`stationery.sql`).
        """
        by_length = sorted(self, key=lambda domain: len(domain.name))
        return {email: each for each in by_length for email in emails if each.covers(email)}

    def check_due(self, now: datetime) -> SendingDomainQuerySet:
        """Those that DNS was not asked about for a day, the longest wait first."""
        due = Q(checked_at=None) | Q(checked_at__lte=now - RECHECK)
        return self.filter(due).order_by(F("checked_at").asc(nulls_first=True), "id")


class SendingDomain(WorkspaceModel):
    """A domain that messages come from, and what DNS has to say about it.

    `bounce_domain` is where bounces go: the domain of the return path. `tracking_host`, if there is
    one, is where the links of its messages lead: while it is ready, and what has left with it for
    as long as it is named here. `findings` are what the last check found, as `delivery.records` has
    them.
    """

    prefix = "dom"

    name = models.CharField(max_length=253)
    bounce_domain = models.CharField(max_length=253)
    tracking_host = models.CharField(max_length=253, blank=True, default="", db_default="")
    tracking_ready = models.BooleanField(default=False, db_default=False, editable=False)
    tracking_proved_at = models.DateTimeField(null=True, editable=False)  # it led here
    state = models.CharField(
        max_length=10, choices=DomainState.choices, default=DomainState.UNVERIFIED, editable=False
    )
    findings = models.JSONField(default=list, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = SendingDomainQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="sending_domain_once"),
            models.UniqueConstraint(
                fields=["tracking_host"],
                condition=Q(tracking_proved_at__isnull=False),
                name="tracking_host_leads_to_one_workspace",
            ),
            models.CheckConstraint(
                condition=Q(state__in=DomainState.values), name="sending_domain_state"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def covers(self, email: str) -> bool:
        """Whether an address lies in the domain or below it."""
        return f".{email.rpartition('@')[2]}".endswith(f".{self.name}")


class DkimKeyQuerySet(models.QuerySet["DkimKey"]):
    def published(self) -> DkimKeyQuerySet:
        """Those that DNS should show: all that are not retired."""
        return self.exclude(state=KeyState.RETIRED)

    def retirement_due(self, now: datetime) -> DkimKeyQuerySet:
        return self.filter(state=KeyState.RETIRING, replaced_at__lte=now - KEEP_PUBLISHED)


class DkimKey(models.Model):
    """A key that signs for a domain, and the record that shows its public half."""

    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=10, choices=KeyAlgorithm.choices)
    private_key = SecretField(null=True)  # a retired key has none
    record = models.TextField()
    state = models.CharField(max_length=10, choices=KeyState.choices, default=KeyState.NEW)
    created_at = models.DateTimeField(default=clock.now)
    replaced_at = models.DateTimeField(null=True)

    objects = DkimKeyQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name = "DKIM key"
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="dkim_selector_once"),
            models.UniqueConstraint(
                fields=["domain", "algorithm"],
                condition=Q(state=KeyState.ACTIVE),
                name="one_dkim_key_signs",
            ),
            models.UniqueConstraint(
                fields=["domain", "algorithm"],
                condition=Q(state=KeyState.NEW),
                name="one_dkim_key_waits",
            ),
            models.CheckConstraint(condition=Q(state__in=KeyState.values), name="dkim_key_state"),
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def host(self) -> str:
        """Where DNS shows its record."""
        return f"{self.selector}._domainkey.{self.domain.name}"
