from __future__ import annotations

from django.db import models

from delivery.states import HitKind


class Hit(models.Model):
    """One request for a pixel or a link, not judged yet; the drain turns it into an event."""

    message_id = models.BigIntegerField()
    kind = models.CharField(max_length=5, choices=HitKind.choices)
    link = models.IntegerField(default=0)
    at = models.DateTimeField()
    user_agent = models.CharField(max_length=300)
    network = models.CharField(max_length=50)

    def __str__(self) -> str:
        return f"{self.kind} of {self.message_id}"
