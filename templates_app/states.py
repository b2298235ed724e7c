from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class MessageClass(models.TextChoices):
    MARKETING = "marketing", _("Marketing")
    TRANSACTIONAL = "transactional", _("Transactional")


class ContentMode(models.TextChoices):
    BLOCKS = "blocks", _("Blocks")
    MJML = "mjml", "MJML"
    HTML = "html", "HTML"
    MARKDOWN = "markdown", "Markdown"
    TEXT = "text", _("Plain text")


class ImageKind(models.TextChoices):
    JPEG = "jpeg", "JPEG"
    PNG = "png", "PNG"
    GIF = "gif", "GIF"
