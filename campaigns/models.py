from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceQuerySet
from campaigns.states import CampaignState
from delivery.models import MessageSource
from delivery.states import SourceKind
from subscribers.models import List, Segment
from templates_app.models import Template, TemplateVersion


class CampaignQuerySet(WorkspaceQuerySet["Campaign"]):
    def to_fill(self) -> CampaignQuerySet:
        """Sending, with recipients that are not in the outbox yet."""
        return self.filter(state=CampaignState.SENDING, filled_at=None)

    def to_finish(self) -> CampaignQuerySet:
        """Sending, with every recipient queued at some time."""
        return self.filter(state=CampaignState.SENDING).exclude(filled_at=None)


class Campaign(MessageSource):
    """One message to those on a list when it starts, or to those of them who are in its segments.

    `audience.py` says who they are. They lie between `fill_cursor` and `fill_until`, ids of
    subscriptions; the cursor and `recipient_count` move in the transaction that fills the outbox.
    """

    prefix = "cmp"

    source_kind = SourceKind.CAMPAIGN

    state = models.CharField(
        max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT, editable=False
    )
    list = models.ForeignKey(List, on_delete=models.PROTECT, related_name="campaigns")
    # Only who is in one of these, if there are any; and never who is named by what is excluded.
    segments = models.ManyToManyField(Segment, blank=True, related_name="campaigns")
    excluded_lists = models.ManyToManyField(List, blank=True, related_name="+")
    excluded_segments = models.ManyToManyField(
        Segment, blank=True, related_name="campaigns_without"
    )
    excluded_campaigns = models.ManyToManyField(
        "self", blank=True, symmetrical=False, related_name="campaigns_without"
    )
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
