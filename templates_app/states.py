from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class MessageClass(models.TextChoices):
    MARKETING = "marketing", _("Marketing")
    TRANSACTIONAL = "transactional", _("Transactional")
