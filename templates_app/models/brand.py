from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from templates_app.blocks import Look

_DEFAULT = Look()


class Brand(WorkspaceModel):
    """How the messages of a workspace look; without one they look like `blocks.Look()`."""

    prefix = "brd"

    workspace = models.OneToOneField(
        "accounts.Workspace", on_delete=models.PROTECT, related_name="brand"
    )
    accent = models.CharField(_("Accent"), max_length=7, default=_DEFAULT.accent)
    canvas = models.CharField(_("Around the message"), max_length=7, default=_DEFAULT.canvas)
    paper = models.CharField(_("Behind the text"), max_length=7, default=_DEFAULT.paper)
    text = models.CharField(_("Text"), max_length=7, default=_DEFAULT.text)
    font = models.CharField(max_length=20, default=_DEFAULT.font)
    heading_font = models.CharField(max_length=20, default=_DEFAULT.heading_font)
    corners = models.CharField(max_length=20, default=_DEFAULT.corners)
    layout = models.CharField(max_length=20, default=_DEFAULT.layout)
    website = models.CharField(max_length=200, blank=True, default="", db_default="")
    logo = models.CharField(max_length=2000, blank=True)
    logo_alt = models.CharField(max_length=300, blank=True)
    logo_width = models.PositiveSmallIntegerField(default=_DEFAULT.logo_width)
    revision = models.IntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return str(_("Brand"))

    @property
    def look(self) -> Look:
        return Look(**{name: getattr(self, name) for name in Look.__dataclass_fields__})


class SavedBlock(WorkspaceModel):
    """Blocks that several templates share; each of them shows the latest at its next publishing."""

    prefix = "blk"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50)
    blocks = models.JSONField(default=list)
    revision = models.IntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="saved_block_slug_taken"),
        ]

    def __str__(self) -> str:
        return self.name

    def used_by(self) -> list[str]:
        """The templates that hold it, but for those put away."""
        return list(
            self.templates.filter(archived_at=None).order_by("name").values_list("name", flat=True)
        )
