from __future__ import annotations

from datetime import datetime

from django.db import models

from accounts.models import WorkspaceQuerySet
from campaigns.states import CampaignState, Every, Ignored, Metric, Otherwise
from campaigns.timing import TOO_LATE
from delivery.models import MessageSource, SenderIdentity
from delivery.states import SourceKind
from emailseq.lib import clock
from subscribers.models import List, Segment
from templates_app.models import Template, TemplateVersion


class CampaignQuerySet(WorkspaceQuerySet["Campaign"]):
    def due(self, now: datetime) -> CampaignQuerySet:
        """Scheduled, and their time has come; but not those whose time is long past."""
        scheduled = self.filter(state=CampaignState.SCHEDULED)
        return scheduled.filter(starts_at__lte=now, starts_at__gt=now - TOO_LATE)

    def to_fill(self) -> CampaignQuerySet:
        """Sending, with recipients that are not in the outbox yet, nor wait for a winner."""
        sending = self.filter(state=CampaignState.SENDING, filled_at=None)
        undecided = Trial.objects.filter(winner="", queued_at__isnull=False)
        return sending.exclude(models.Exists(undecided.filter(campaign=models.OuterRef("pk"))))

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
    # It goes to exactly those whom this one has failed to reach.
    rest_of = models.OneToOneField(
        "self", null=True, editable=False, on_delete=models.PROTECT, related_name="rest"
    )
    # It goes to those who have got this one, and have not done that.
    resend_of = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.PROTECT, related_name="resends"
    )
    resend_to = models.CharField(
        max_length=12,
        blank=True,
        choices=Ignored.choices,
        default="",
        db_default="",
        editable=False,
    )
    # The draft that it is made of, again and again.
    occurrence_of = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.SET_NULL, related_name="occurrences"
    )
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="campaigns")
    template_version = models.ForeignKey(
        TemplateVersion, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # The time it is scheduled for, and when it starts for that; what `timing.py` makes of them.
    scheduled_at = models.DateTimeField(null=True, editable=False)
    starts_at = models.DateTimeField(null=True, editable=False)
    local_time = models.BooleanField(default=False, db_default=False, editable=False)
    spread_minutes = models.IntegerField(default=0, db_default=0, editable=False)
    # In the day from then on, each at the hour at which they read.
    best_time = models.BooleanField(default=False, db_default=False, editable=False)
    # Why it did not start at its time.
    refusal = models.CharField(
        max_length=700, blank=True, default="", db_default="", editable=False
    )
    fill_cursor = models.BigIntegerField(default=0, editable=False)
    fill_until = models.BigIntegerField(default=0, editable=False)
    recipient_count = models.IntegerField(default=0, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    filled_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)
    shown_at = models.DateTimeField(null=True, editable=False)  # on the web, to anybody

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=CampaignState.values), name="campaign_state"
            ),
            models.CheckConstraint(
                condition=models.Q(state=CampaignState.DRAFT)
                | models.Q(state=CampaignState.SCHEDULED, template_version__isnull=False)
                | models.Q(template_version__isnull=False, started_at__isnull=False),
                name="campaign_past_draft_is_frozen",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=CampaignState.SCHEDULED)
                | models.Q(scheduled_at__isnull=False, starts_at__isnull=False),
                name="campaign_scheduled_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"],
                name="campaign_scheduled",
                condition=models.Q(state=CampaignState.SCHEDULED),
            ),
            models.Index(
                fields=["id"],
                name="campaign_sending",
                condition=models.Q(state=CampaignState.SENDING),
            ),
        ]

    @property
    def is_overdue(self) -> bool:
        """Whether it has missed its time by so much that it waits for somebody to say yes."""
        waits = self.starts_at if self.state == CampaignState.SCHEDULED else None
        return waits is not None and waits <= clock.now() - TOO_LATE


class Recurrence(models.Model):
    """That copies of a draft are sent again and again; `rhythm.py` says when."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="recurrence")
    every = models.CharField(max_length=5, choices=Every.choices)
    on = models.PositiveSmallIntegerField(default=1)  # day of the week (1 is Monday) or month
    at = models.TimeField()
    next_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(every__in=Every.values), name="recurrence_every"
            )
        ]

    def __str__(self) -> str:
        return f"{self.campaign}, every {self.every}"


class Approval(models.Model):
    """That somebody asks for a second person, and who that was: for what the campaign is then.

    `of` says what was approved (`approvals.py`), for so many `people`: once either has changed, it
    does not count any more.
    """

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="approval")
    asked_at = models.DateTimeField(null=True)
    asked_by = models.CharField(max_length=254, blank=True, default="")
    given_at = models.DateTimeField(null=True)
    given_by = models.CharField(max_length=254, blank=True, default="")
    given_by_id = models.BigIntegerField(default=0)  # of a user
    of = models.CharField(max_length=64, blank=True, default="")
    people = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"Approval of {self.campaign}"


class Trial(models.Model):
    """An A/B test of a campaign: a sample gets its variants, and the rest then the winner.

    `counts` are what the variants came to (`stats.Amounts`) when it was decided.
    """

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="trial")
    sample_percent = models.PositiveSmallIntegerField(default=20)
    metric = models.CharField(max_length=10, choices=Metric.choices, default=Metric.CLICK)
    # The name of the custom event that is the goal, and the number among its properties that it
    # comes to.
    goal = models.CharField(max_length=100, blank=True, default="")
    amount_property = models.CharField(max_length=100, blank=True, default="")
    # So long after the sample has left; and so many messages of each variant, or nobody can tell.
    wait_minutes = models.PositiveIntegerField(default=240)
    minimum = models.PositiveIntegerField(default=100)
    otherwise = models.CharField(max_length=10, choices=Otherwise.choices, default=Otherwise.ASK)
    # When the whole sample was in the outbox, and when the last of it had left that.
    queued_at = models.DateTimeField(null=True, editable=False)
    left_at = models.DateTimeField(null=True, editable=False)
    counts = models.JSONField(default=dict, editable=False)
    winner = models.CharField(max_length=20, blank=True, default="", editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.CharField(max_length=254, blank=True, default="", editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(winner="", decided_at=None)
                | ~models.Q(winner="") & models.Q(decided_at__isnull=False),
                name="campaign_trial_is_decided_or_not",
            ),
        ]

    def __str__(self) -> str:
        return f"A/B test of {self.campaign}"


class Variant(models.Model):
    """What differs from the campaign, which is the first variant itself; empty is as there."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="variants")
    key = models.CharField(max_length=20)
    subject = models.CharField(max_length=500, blank=True, default="")
    template = models.ForeignKey(
        Template, null=True, on_delete=models.PROTECT, related_name="campaign_variants"
    )
    sender = models.ForeignKey(
        SenderIdentity, null=True, on_delete=models.PROTECT, related_name="+"
    )
    template_version = models.ForeignKey(
        TemplateVersion, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "key"], name="campaign_variant_key_taken")
        ]
        ordering = ("key",)

    def __str__(self) -> str:
        return f"{self.campaign}, {self.key}"
