from __future__ import annotations

from typing import Any

from django.db import models

from subscribers.states import ConsentState

# Of what may be deleted, unlike the proof.
_LOOSE: Any = {
    "on_delete": models.DO_NOTHING,
    "related_name": "+",
    "db_constraint": False,
    "db_index": False,
}


class ConsentEntry(models.Model):
    """One line of the consent ledger: what became of somebody's place on a list, when, and on what
    evidence. Append-only.

    A trigger writes it with every change of a place, whoever makes it; an erasure alone may blank
    the address it came from.
    """

    subscriber = models.ForeignKey("subscribers.Subscriber", **_LOOSE)
    list = models.ForeignKey("subscribers.List", **_LOOSE)
    state = models.CharField(max_length=12, choices=ConsentState.choices)
    at = models.DateTimeField()
    source = models.CharField(max_length=200, blank=True)
    text = models.CharField(max_length=1000, blank=True)
    ip = models.GenericIPAddressField(null=True)

    class Meta:
        verbose_name_plural = "consent ledger"
        indexes = [
            models.Index(fields=["subscriber", "id"], name="consent_of_subscriber"),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} on {self.list_id}: {self.state}"
