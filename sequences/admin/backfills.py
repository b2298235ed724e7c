"""Letting in who matches already, so many a day: how many that are, how far it is, its end."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.verbs import Verb
from emailseq.lib.errors import Conflict
from sequences.models import Backfill, Sequence
from sequences.models.backfill import MAX_PER_DAY
from sequences.services import backfill
from sequences.states import BackfillState


class BackfillForm(VerbForm):
    per_day = forms.IntegerField(
        min_value=1,
        max_value=MAX_PER_DAY,
        initial=100,
        label=_("How many a day"),
        help_text=_("One after the other, all day long."),
    )


def running(sequence: Sequence) -> Backfill | None:
    return Backfill.objects.filter(sequence=sequence, state=BackfillState.RUNNING).first()


def _who(sequence: Sequence) -> str:
    """Whom a backfill would let in."""
    number = backfill.candidates(sequence).number
    said = ngettext(
        "About %(n)d person is confirmed, matches the entry rule and has never been inside.",
        "About %(n)d people are confirmed, match the entry rule and have never been inside.",
        number,
    )
    return str(said % {"n": number})


def _start(sequence: Sequence, *, per_day: int, by: Actor) -> str:
    backfill.start_backfill(sequence, per_day=per_day, by=by)
    return gettext("They come in from now on; this page says how far it is.")


def _cancel(sequence: Sequence, *, by: Actor) -> str:
    found = running(sequence)
    if found is None:
        raise Conflict(gettext("Nobody is being let in."))
    backfill.cancel_backfill(found, by=by)
    return gettext("Nobody else is let in by it.")


VERBS: tuple[Verb, ...] = (
    Verb(
        _start,
        name="backfill",
        label=_("Let in who matches already"),
        icon="group_add",
        right="sequences:publish",
        form=BackfillForm,
        sentence=_who,
        submit=_("Begin"),
    ),
    Verb(
        _cancel,
        name="cancel_backfill",
        label=_("Let in nobody else"),
        icon="cancel",
        sentence=_("Who is inside “{}” stays."),
    ),
)
