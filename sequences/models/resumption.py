from __future__ import annotations

from django.db import models

from emailseq.lib import clock
from sequences.models.sequence import Sequence
from sequences.states import Overdue


class Resumption(models.Model):
    """A paused sequence on its way to go on: what is made of what became due, and how far it is.

    The sequence stays paused until that is done. `reached` is the id of the last run that was
    handled, `done_count` how many things were: what stops half-way goes on there.
    """

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="resumptions")
    policy = models.CharField(max_length=10, choices=Overdue.choices)
    stale_after = models.DurationField(null=True)
    per_hour = models.IntegerField(null=True)
    paused_at = models.DateTimeField()
    at = models.DateTimeField(default=clock.now)
    by = models.CharField(max_length=254)
    reached = models.BigIntegerField(default=0)
    done_count = models.IntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sequence"],
                condition=models.Q(finished_at=None),
                name="one_resumption_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}: {self.policy}"
