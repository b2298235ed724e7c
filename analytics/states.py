from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Attribution(models.TextChoices):
    """Which message takes the credit for a conversion: the last one before it …"""

    CLICKED = "clicked", _("The last message they clicked")
    SENT = "sent", _("The last message they were sent")


class Breadth(models.TextChoices):
    """What a share is of."""

    PROVIDER = "provider", _("Mailbox provider")
    DELAY = "delay", _("Time to open")
    LIST = "list", _("List")
    ENTRY = "entry", _("Week of entry, and weeks since")
    HOUR = "hour", _("Time zone, and hour in UTC")
    CLIENT = "client", _("Mail program or browser")
    DEVICE = "device", _("Kind of device")
