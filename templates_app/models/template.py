from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from templates_app.states import ContentMode, MessageClass


class Content(models.Model):
    """What the HTML is made of: MJML or Markdown is a `source`, blocks are a `document`."""

    mode = models.CharField(
        max_length=20,
        choices=ContentMode.choices,
        default=ContentMode.HTML,
        db_default=ContentMode.HTML.value,
    )
    source = models.TextField(blank=True, db_default="")
    document = models.JSONField(null=True, blank=True)

    class Meta:
        abstract = True


class Template(Content, WorkspaceModel):
    """Reusable content: a draft that people edit, and the version that was published last."""

    prefix = "tpl"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50)
    message_class = models.CharField(
        max_length=20,
        choices=MessageClass.choices,
        default=MessageClass.MARKETING,
        db_default=MessageClass.MARKETING.value,
    )
    subject = models.CharField(max_length=500)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    saved_blocks = models.ManyToManyField(
        "templates_app.SavedBlock", related_name="templates", editable=False
    )
    revision = models.IntegerField(default=1, editable=False)
    published_version = models.ForeignKey(
        "templates_app.TemplateVersion",
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="template_slug_taken"),
        ]

    def __str__(self) -> str:
        return self.name

    def used_by(self) -> list[str]:
        """The sequences whose draft sends it, and the campaigns to come: known here by relation."""
        states, to_come = ["draft", "live", "paused"], ["draft", "scheduled"]
        others = self.campaign_variants
        steps = self.steps.filter(sequence__state__in=states)
        variants = self.variants.filter(step__sequence__state__in=states)
        names = {
            *steps.values_list("sequence__name", flat=True),
            *variants.values_list("step__sequence__name", flat=True),
            *self.campaigns.filter(state__in=to_come).values_list("name", flat=True),
            *others.filter(campaign__state__in=to_come).values_list("campaign__name", flat=True),
        }
        return sorted(names)


class TemplateVersion(Content):
    """Published content, which messages are pinned to. A trigger refuses to change it.

    `links` holds the targets (Liquid allowed in path and query) of the numbered links, in order.
    """

    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    subject = models.CharField(max_length=500)
    html = models.TextField()
    text = models.TextField()
    links = models.JSONField(default=list)
    # What it says in other languages: its parts and what they are made of, by language.
    translations = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), editable=False
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["template", "number"], name="template_version_number_taken"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"


class Translation(Content):
    """What a template says to people of another language; published together with it."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="translations")
    language = models.CharField(max_length=10)
    subject = models.CharField(max_length=500)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "language"], name="template_language_taken")
        ]

    def __str__(self) -> str:
        return f"{self.template} ({self.language})"
