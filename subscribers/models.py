from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from accounts.models import Workspace, WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.states import FieldKind, ImportState, OptIn, SubscriptionState, SuppressionReason

MAX_NAME = 100


class Subscriber(WorkspaceModel):
    """One person with one address in one workspace."""

    prefix = "sub"

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    email = models.CharField(max_length=254)
    address_key = models.CharField(max_length=254, editable=False, db_collation="C")
    first_name = models.CharField(max_length=MAX_NAME, blank=True)
    last_name = models.CharField(max_length=MAX_NAME, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    fields = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also what a prefix search on the address reads.
            models.UniqueConstraint(fields=["workspace", "address_key"], name="one_per_address"),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="subscriber_newest_first")]

    def __str__(self) -> str:
        return self.email

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class ListQuerySet(WorkspaceQuerySet["List"]):
    def in_use(self) -> ListQuerySet:
        """Lists that a sequence or an unfinished campaign needs, known here by relation only."""
        return self.filter(
            models.Q(sequences__state__in=["draft", "live", "paused"])
            | models.Q(starts__state__in=["draft", "live", "paused"])
            | models.Q(campaigns__state__in=["draft", "sending", "paused"])
        )


class List(WorkspaceModel):
    """A named consent scope: what people say yes to, and leave."""

    prefix = "lst"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50)
    opt_in = models.CharField(max_length=10, choices=OptIn.choices, default=OptIn.DOUBLE)
    public = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ListQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="list_slug_taken"),
        ]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """One subscriber's place on one list, with the evidence of the consent behind it."""

    list = models.ForeignKey(
        List, on_delete=models.PROTECT, related_name="subscriptions", db_index=False
    )
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.PROTECT, related_name="subscriptions", db_index=False
    )
    state = models.CharField(max_length=12, choices=SubscriptionState.choices)
    consent_source = models.CharField(max_length=200, blank=True)
    consent_text = models.CharField(max_length=1000, blank=True)
    consent_ip = models.GenericIPAddressField(null=True, blank=True)
    consented_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "list"], name="one_place_per_list"),
            models.CheckConstraint(
                condition=models.Q(state__in=SubscriptionState.values), name="subscription_state"
            ),
        ]
        indexes = [
            # A campaign's fill walks the confirmed people of a list in this order.
            models.Index(
                fields=["list", "id"],
                name="subscription_confirmed",
                condition=models.Q(state=SubscriptionState.CONFIRMED),
            ),
            models.Index(fields=["list", "-id"], name="subscription_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber} · {self.list}: {self.get_state_display()}"


class CustomField(WorkspaceModel):
    """A typed value that people of the workspace may have, stored in `Subscriber.fields`."""

    prefix = "fld"

    key = models.CharField(max_length=50, validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z")])
    label = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=FieldKind.choices, default=FieldKind.TEXT)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="field_key_taken")]

    def __str__(self) -> str:
        return self.label


class Tag(WorkspaceModel):
    """A marker that people carry."""

    prefix = "tag"

    name = models.CharField(max_length=64)
    slug = models.SlugField(max_length=64)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="tag_slug_taken")]

    def __str__(self) -> str:
        return self.name


class TagAssignment(models.Model):
    """One subscriber carries one tag."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="assignments")
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="tags", db_index=False
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "tag"], name="a_tag_sticks_once")
        ]

    def __str__(self) -> str:
        return f"{self.subscriber}: {self.tag}"


class Suppression(WorkspaceModel):
    """An address that must not be sent to, whoever carries it; lifting deletes the row, audited."""

    prefix = "sup"

    address_key = models.CharField(max_length=254, db_collation="C")
    reason = models.CharField(max_length=20, choices=SuppressionReason.choices)
    note = models.CharField(max_length=500, blank=True)
    message_id = models.BigIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "address_key"], name="suppressed_only_once"
            ),
        ]

    def __str__(self) -> str:
        return self.address_key


class Import(WorkspaceModel):
    """One file of people on its way in: how far it is and what became of its rows.

    `digest` (SHA-256 of the file and of how it is taken) finds a run that was cut off;
    `line_count` lines of the file are done, in the same transaction as what they created.
    """

    prefix = "imp"

    list = models.ForeignKey(List, on_delete=models.PROTECT, related_name="imports")
    file_name = models.CharField(max_length=254)
    digest = models.CharField(max_length=64)
    state = models.CharField(
        max_length=10, choices=ImportState.choices, default=ImportState.RUNNING
    )
    consent_source = models.CharField(max_length=200, blank=True)
    line_count = models.BigIntegerField(default=0)
    created_count = models.BigIntegerField(default=0)
    updated_count = models.BigIntegerField(default=0)
    unchanged_count = models.BigIntegerField(default=0)
    refused_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "digest"],
                condition=models.Q(state=ImportState.RUNNING),
                name="one_run_per_file_and_list",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class Event(models.Model):
    """A fact in the log: append-only, partitioned by month, written by `events.record_many` alone.

    `xid` is the writing transaction, which is what cursors order by. The table is made by SQL in
    the first migration; its primary key is (id, recorded_at).
    """

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(editable=False)
    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    subscriber = models.ForeignKey(
        "subscribers.Subscriber",
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    kind = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    source_kind = models.CharField(max_length=20)
    source_id = models.BigIntegerField()
    step_key = models.CharField(max_length=40)
    variant = models.CharField(max_length=20)
    message_id = models.BigIntegerField(null=True)
    verdict = models.CharField(max_length=10)
    properties = models.JSONField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "subscribers_event"

    def __str__(self) -> str:
        return self.kind


class Cursor(models.Model):
    """A consumer's place in the log: everything up to (xid, event_id) has had its effect."""

    name = models.CharField(max_length=40, primary_key=True)
    xid = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(null=True)
    parked_event_id = models.BigIntegerField(null=True)
    parked_at = models.DateTimeField(null=True)
    parked_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name
