from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

from emailseq.lib import clock, ids, localtime
from emailseq.lib.localtime import Window

HOUSE = "~house"  # no slug that anybody can give


class WorkspaceManager(models.Manager["Workspace"]):
    """Knows everybody's workspaces; the house is nobody's."""

    def get_queryset(self) -> models.QuerySet[Workspace]:
        return super().get_queryset().exclude(slug=HOUSE)

    def house(self) -> Workspace:
        """Where the mail to those who work here is kept: nobody is a member, so nobody sees it, and
        it makes no teammate anybody's subscriber."""
        return self.model._base_manager.get_or_create(slug=HOUSE, defaults={"name": "emailseq"})[0]


class Workspace(models.Model):
    """One tenant: its people, content, domains and numbers."""

    uid = models.UUIDField(default=ids.new, unique=True, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    postal_address = models.CharField(max_length=300, blank=True)
    # When marketing may reach people, as `localtime.stored` has it: outside it is quiet.
    awake = models.JSONField(null=True, blank=True)
    cap_per_day = models.PositiveSmallIntegerField(null=True, blank=True)
    cap_per_week = models.PositiveSmallIntegerField(null=True, blank=True)
    # A campaign to more people than this needs a second person; None: none does.
    approval_above = models.PositiveIntegerField(null=True, blank=True)
    # Who works here signs in with a second factor, or by a provider that asks for one.
    second_factor = models.BooleanField(default=False, db_default=False)
    # What the links of campaigns and sequences say of where their visitors come from; without a
    # source nothing.
    utm_source = models.CharField(max_length=100, blank=True, default="", db_default="")
    utm_medium = models.CharField(max_length=100, blank=True, default="email", db_default="email")
    summarized_on = models.DateField(null=True, blank=True)  # the day of the last weekly mail
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceManager()

    def __str__(self) -> str:
        return self.name

    @property
    def windows(self) -> tuple[Window, ...]:
        """When marketing may reach people; none: at any time."""
        return localtime.stored(self.awake, zone=self.time_zone)

    @property
    def public_id(self) -> str:
        return ids.encode("wsp", self.uid)


M = TypeVar("M", bound=models.Model)


class WorkspaceQuerySet(models.QuerySet[M]):
    """Reads start at a workspace; only ticks and commands read across them."""

    def of(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)


class WorkspaceModel(models.Model):
    """A row of one workspace, with the id that may leave the house."""

    prefix: str

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    uid = models.UUIDField(default=ids.new, unique=True, editable=False)

    class Meta:
        abstract = True

    @property
    def public_id(self) -> str:
        return ids.encode(self.prefix, self.uid)
