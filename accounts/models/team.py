from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Lower

from accounts.models.workspace import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock

INVITATION_LIFETIME = timedelta(days=7)


class InvitationQuerySet(WorkspaceQuerySet["Invitation"]):
    def open(self) -> Self:
        """Neither accepted nor withdrawn; their link may have expired."""
        return self.filter(accepted_at=None, withdrawn_at=None)


class Invitation(WorkspaceModel):
    """Somebody is asked to work in a workspace, by a link that is good once, for a week."""

    prefix = "inv"

    email = models.EmailField()
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    invited_by = models.CharField(max_length=254)
    sent_at = models.DateTimeField(default=clock.now)  # the link of an earlier mail is void
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def expires_at(self) -> datetime:
        return self.sent_at + INVITATION_LIFETIME

    @property
    def is_open(self) -> bool:
        return not self.accepted_at and not self.withdrawn_at


class FailedSignIn(models.Model):
    """A wrong password or code. `about` says for whom and from where, as a digest."""

    about = models.CharField(max_length=64)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["about", "at"], name="failed_sign_ins")]


class Concern(models.Model):
    """A check that was not well, since when it stands at its level, and what was told of it."""

    name = models.CharField(max_length=100, unique=True)
    sentence = models.TextField()
    level = models.SmallIntegerField()
    since = models.DateTimeField(default=clock.now)
    told_at = models.DateTimeField(null=True)
    eased_at = models.DateTimeField(null=True)  # when it was told that all is well again

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"
