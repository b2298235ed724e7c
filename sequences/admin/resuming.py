"""Letting a paused sequence go on, with what has become due counted before anybody decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.verbs import resume
from sequences.admin.words import lasting
from sequences.models import Sequence
from sequences.services import resuming
from sequences.services.resuming import MAX_PER_HOUR, Waiting
from sequences.states import Overdue

AGES = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))
MAX_HOURS = 24 * 366


class ResumeForm(VerbForm):
    target: Sequence
    overdue = forms.ChoiceField(
        choices=Overdue.choices, required=False, label=_("What has become due")
    )
    stale_after = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_HOURS,
        label=_("Too old is what has been due for so many hours"),
        help_text=_("Only if that is skipped."),
    )
    per_hour = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_PER_HOUR,
        label=_("How many an hour"),
        help_text=_("Only if it happens bit by bit."),
    )

    def waiting(self) -> Waiting:
        """All that has become due."""
        return resuming.overdue(self.target)

    def by_age(self) -> list[tuple[str, Waiting]]:
        """How much of it would be too old, if that began at this age."""
        found = ((lasting(age), resuming.overdue(self.target, stale_after=age)) for age in AGES)
        return [(age, each) for age, each in found if each.stale_runs or each.stale_messages]

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        hours = given["stale_after"]
        return {
            **given,
            "overdue": given["overdue"] or Overdue.LATE,
            "stale_after": None if hours is None else timedelta(hours=hours),
        }


RESUME = resume(
    resuming.resume,
    right="delivery:pause",
    form=ResumeForm,
    template="sequences/resume.html",
    sentence=_("“{}” goes on from where everybody stands."),
)
