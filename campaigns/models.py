from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceQuerySet
from campaigns.states import CampaignState
from delivery.models import MessageSource
from delivery.states import SourceKind
from subscribers.models import List, Subscription, Suppression
from subscribers.states import SubscriptionState
from templates_app.models import Template, TemplateVersion


class CampaignQuerySet(WorkspaceQuerySet["Campaign"]):
    def to_fill(self) -> CampaignQuerySet:
        """Sending, with recipients that are not in the outbox yet."""
        return self.filter(state=CampaignState.SENDING, filled_at=None)

    def to_finish(self) -> CampaignQuerySet:
        """Sending, with every recipient queued at some time."""
        return self.filter(state=CampaignState.SENDING).exclude(filled_at=None)


class Campaign(MessageSource):
    """One message to everybody who is confirmed on a list when it starts.

    Its audience lies between `fill_cursor` and `fill_until`, ids of subscriptions; the cursor and
    `recipient_count` move in the transaction that fills the outbox.
    """

    prefix = "cmp"

    source_kind = SourceKind.CAMPAIGN

    state = models.CharField(
        max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT, editable=False
    )
    list = models.ForeignKey(List, on_delete=models.PROTECT, related_name="campaigns")
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="campaigns")
    template_version = models.ForeignKey(
        TemplateVersion, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    fill_cursor = models.BigIntegerField(default=0, editable=False)
    fill_until = models.BigIntegerField(default=0, editable=False)
    recipient_count = models.IntegerField(default=0, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    filled_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=CampaignState.values), name="campaign_state"
            ),
            models.CheckConstraint(
                condition=models.Q(state=CampaignState.DRAFT)
                | models.Q(template_version__isnull=False, started_at__isnull=False),
                name="campaign_past_draft_is_frozen",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="campaign_sending",
                condition=models.Q(state=CampaignState.SENDING),
            ),
        ]

    def audience(self) -> models.QuerySet[Subscription]:
        """The places of all who would get it now: confirmed, neither archived nor suppressed."""
        stops = Suppression.objects.filter(
            workspace=self.workspace_id, address_key=models.OuterRef("subscriber__address_key")
        )
        return Subscription.objects.filter(
            ~models.Exists(stops),
            list=self.list_id,
            state=SubscriptionState.CONFIRMED,
            subscriber__archived_at=None,
        )
