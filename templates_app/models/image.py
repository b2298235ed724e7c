from __future__ import annotations

import re
from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from templates_app.models.brand import Brand
from templates_app.models.template import Template
from templates_app.states import ImageKind

_KEY = re.compile(r"/i/([0-9a-f]{32})\.")


class ImageQuerySet(WorkspaceQuerySet["Image"]):
    def weights(self, addresses: Iterable[str]) -> dict[str, int]:
        """The bytes of those that are ours, by their addresses."""
        keys = {each: found[1] for each in addresses if (found := _KEY.search(each))}
        if not keys:
            return {}
        known = dict(self.filter(key__in=keys.values()).values_list("key", "byte_count"))
        return {address: known[key] for address, key in keys.items() if key in known}


class Image(WorkspaceModel):
    """A picture for messages. Its file never changes, and stays: mail that has left shows it."""

    prefix = "img"

    name = models.CharField(max_length=100)
    alt = models.CharField(_("What it shows"), max_length=300, blank=True)
    kind = models.CharField(max_length=4, choices=ImageKind.choices)
    width = models.IntegerField()
    height = models.IntegerField()
    byte_count = models.IntegerField()
    sha256 = models.CharField(max_length=64)
    # Its name on the web, which nobody can guess, even who has the picture.
    key = models.CharField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ImageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "sha256"], name="image_kept_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def file_name(self) -> str:
        """On the web."""
        return f"{self.key}.{self.kind}"

    @property
    def url(self) -> str:
        return f"{settings.TRACKING_URL}/i/{self.file_name}"

    def used_by(self) -> list[str]:
        """The templates that show it, but for those put away; and the brand, if that does."""
        shows = Q(html__contains=self.key) | Q(translations__html__contains=self.key)
        templates = Template.objects.filter(shows, workspace=self.workspace_id, archived_at=None)
        names = list(templates.order_by("name").values_list("name", flat=True).distinct())
        is_logo = Brand.objects.filter(workspace=self.workspace_id, logo__contains=self.key)
        return [*([str(_("Brand"))] if is_logo.exists() else []), *names]
