from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.models.subscriber import Subscriber
from subscribers.states import OptIn, SubscriptionState


class ListQuerySet(WorkspaceQuerySet["List"]):
    def in_use(self) -> ListQuerySet:
        """Lists that a sequence or an unfinished campaign needs, known here by relation only."""
        return self.filter(
            models.Q(sequences__state__in=["draft", "live", "paused"])
            | models.Q(starts__sequence__state__in=["draft", "live", "paused"])
            | models.Q(campaigns__state__in=["draft", "scheduled", "sending", "paused"])
        )

    def joinable(self) -> ListQuerySet:
        """Lists that anybody may ask to join: by a form, a stranger can type in any address."""
        return self.filter(archived_at=None, public=True, opt_in=OptIn.DOUBLE)


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
        List,
        on_delete=models.PROTECT,
        related_name="subscriptions",
        db_index=False,
        db_constraint=False,  # lists are never deleted, and to check takes a tenth of an import
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
