from __future__ import annotations

from django.db import models

from accounts.models import Workspace, WorkspaceQuerySet
from delivery.models.source import SenderIdentity
from delivery.states import ConfirmationState
from delivery.wording import LANGUAGES
from subscribers.models import List, Subscriber
from templates_app.models import Template


class OptInMessage(models.Model):
    """How a list asks people to confirm, where it does not do so as all lists do.

    Without a sender the workspace's first one asks; without a template the built-in one does.
    """

    list = models.OneToOneField(
        List, primary_key=True, on_delete=models.CASCADE, related_name="opt_in_message"
    )
    sends = models.BooleanField(default=True)
    language = models.CharField(max_length=5, choices=LANGUAGES, default="en")
    sender = models.ForeignKey(
        SenderIdentity, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return str(self.list)


class WelcomeMessage(models.Model):
    """What whoever joins a list is sent, once for all times; without a sender the first one writes.

    A list without one sends nothing.
    """

    list = models.OneToOneField(
        List, primary_key=True, on_delete=models.CASCADE, related_name="welcome_message"
    )
    sends = models.BooleanField(default=True)
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(
        SenderIdentity, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return str(self.list)


class Confirmation(models.Model):
    """One message that has asked somebody whether they mean it, and what they answered: the proof.

    `run` is also that of the message. `address` is the mailbox, whatever follows a plus sign:
    what is asked of it is counted in all workspaces together.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.PROTECT, related_name="confirmations", db_index=False
    )
    run = models.IntegerField()
    address = models.CharField(max_length=254, db_collation="C")
    state = models.CharField(
        max_length=10, choices=ConfirmationState.choices, default=ConfirmationState.ASKED
    )
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer_ip = models.GenericIPAddressField(null=True)
    answer_agent = models.CharField(max_length=300, blank=True, default="")

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "run"], name="asked_once_a_run"),
            models.CheckConstraint(
                condition=models.Q(state__in=ConfirmationState.values), name="confirmation_state"
            ),
        ]
        indexes = [
            # How often a mailbox was asked of late.
            models.Index(fields=["address", "asked_at"], name="confirmation_address"),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber}: {self.get_state_display()}"
