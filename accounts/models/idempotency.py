from __future__ import annotations

from django.db import models

from emailseq.lib import clock
from emailseq.lib.encrypted import SecretField


class RememberedAnswer(models.Model):
    """What a POST with an Idempotency-Key was answered, for a day.

    `scope` is a digest of the key, the credential and the route. Answers may show a secret this
    once, so they are kept under lock.
    """

    scope = models.CharField(max_length=64, primary_key=True)
    body_digest = models.CharField(max_length=64)
    status = models.SmallIntegerField()
    location = models.CharField(max_length=500, blank=True)
    answer = SecretField()
    at = models.DateTimeField(default=clock.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.status} of {self.at:%F %T}"
