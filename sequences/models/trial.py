from __future__ import annotations

from django.db import models

from emailseq.lib import clock
from sequences.models.sequence import Sequence
from sequences.models.step import MAX_KEY, MAX_VARIANT_KEY


class Trial(models.Model):
    """How the variants of an email do against each other, and which share of the people each gets.

    It is of certain `contents` (version ids of templates, by variant): with others it begins anew.
    `counts` are the pairs of hits and messages by variant, as of `counted_at`, and `weights` what
    follows. Once there is a `winner`, all others who come to the step get that.
    """

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="trials")
    step_key = models.CharField(max_length=MAX_KEY)
    contents = models.JSONField()
    counts = models.JSONField(default=dict)
    weights = models.JSONField(default=dict)
    counted_at = models.DateTimeField(default=clock.now)
    # What has happened before does not count: somebody has started it over.
    since = models.DateTimeField(null=True)
    winner = models.CharField(max_length=MAX_VARIANT_KEY, blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sequence", "step_key"], name="one_trial_per_step"),
            models.CheckConstraint(
                condition=models.Q(winner="", decided_at=None)
                | ~models.Q(winner="") & models.Q(decided_at__isnull=False),
                name="trial_is_decided_or_not",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}, {self.step_key}"
