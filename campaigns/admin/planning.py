"""When a campaign leaves, as a form, and in the words of the page on which that is decided."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns import approvals
from campaigns.models import Campaign
from campaigns.review import Plan
from emailseq.backoffice.forms import VerbForm
from emailseq.lib import clock, localtime

MANY = 1000  # people: who sends to more at once types how many they are
NOW, AT, LOCAL, BEST = "now", "at", "local", "best"
WHEN = (
    (NOW, gettext_lazy("Now")),
    (AT, gettext_lazy("At a time, to all at once")),
    (LOCAL, gettext_lazy("At a time on everybody's own clock")),
    (BEST, gettext_lazy("In the day from a time on, each at the hour at which they read")),
)


class ReviewForm(VerbForm):
    """When it leaves; and of a send to many, how many they are."""

    when = forms.ChoiceField(choices=WHEN, widget=forms.RadioSelect, label=gettext_lazy("When"))
    day = forms.DateField(
        required=False, widget=forms.DateInput({"type": "date"}), label=gettext_lazy("Day")
    )
    time = forms.TimeField(
        required=False,
        widget=forms.TimeInput({"type": "time"}),
        label=gettext_lazy("Time"),
        help_text=gettext_lazy("On the clock of the workspace."),
    )
    spread_minutes = forms.IntegerField(
        min_value=0,
        max_value=1440,
        required=False,
        label=gettext_lazy("Spread over so many minutes"),
    )
    typed = forms.IntegerField(
        required=False, label=gettext_lazy("Type how many people it goes to")
    )
    expected_recipients = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def values_of(self, target: Any) -> dict[str, Any]:
        now = timezone.localtime(clock.now())
        planned = timezone.localtime(target.scheduled_at) if target.scheduled_at else None
        when = planned or (now + timedelta(days=1)).replace(hour=9, minute=0)
        how = LOCAL if target.local_time else BEST if target.best_time else AT
        return {
            "when": how if planned else NOW,
            "day": when.date(),
            "time": f"{when:%H:%M}",
            "spread_minutes": target.spread_minutes or None,
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("when") not in (NOW, None):
            for name in ("day", "time"):
                if given.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Choose when."))
        return given

    def plan(self) -> Plan | None:
        """When it leaves; None while that is not filled in."""
        if not self.is_bound:
            return _plan_of(self.target)
        if self.errors.keys() & {"when", "day", "time", "spread_minutes"}:
            return None
        given = self.cleaned_data
        if given["when"] == NOW:
            return Plan()
        zone, _known = localtime.zone_or(self.request.workspace.time_zone, localtime.UTC_ZONE)
        at = localtime.at(given["day"], given["time"], zone)
        spread = 0 if given["when"] == BEST else given["spread_minutes"] or 0
        return Plan(at, given["when"] == LOCAL, given["when"] == BEST, spread)

    def field_at(self, pointer: str) -> str | None:
        shown = {"/at": "day", "/best_time": "when", "/local_time": "when"}
        return shown.get(pointer) or super().field_at(pointer)


def _plan_of(campaign: Any) -> Plan:
    return Plan(
        campaign.scheduled_at, campaign.local_time, campaign.best_time, campaign.spread_minutes
    )


def usual(campaign: Campaign, people: int) -> str:
    """The size of the send against those before."""
    before = approvals.usual(campaign)
    if before is None:
        return _("It is the first campaign of this workspace.")
    middle, largest = before
    said = _("Usually it is about %(usual)s; the largest so far went to %(largest)s.") % {
        "usual": f"{middle:,}",
        "largest": f"{largest:,}",
    }
    if middle and people > 2 * middle:
        said += " " + _("This is %.1f times as many as usual.") % (people / middle)
    return said


def sentence(campaign: Campaign, plan: Plan, people: int) -> str:
    facts = {
        "template": campaign.template,
        "sender": campaign.sender,
        "list": campaign.list,
        "people": some_people(people),
        "when": _when(plan),
    }
    return _("Sends “%(template)s” from %(sender)s to %(people)s on “%(list)s”, %(when)s.") % facts


def _when(plan: Plan) -> str:
    if plan.at is None:
        return _("now")
    at = _moment(plan.at)
    if plan.local_time:
        said = _("on %s on everybody's own clock") % _shown(plan.at)
    elif plan.best_time:
        said = _("in the day from %s on, each at the hour at which they read") % at
    else:
        said = _("on %s") % at
    spread = plan.spread_minutes
    return said + (_(", over %d minutes") % spread if spread else "")


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "D j M Y, H:i T")


def _shown(at: datetime) -> str:
    """What the clock of the workspace shows then, and everybody's will."""
    return date_format(timezone.localtime(at), "D j M Y, H:i")


def some_people(people: int) -> str:
    return ngettext("%s person", "%s people", people) % f"{people:,}"


def label(plan: Plan, people: int) -> str:
    to = some_people(people)
    if plan.at is None:
        return _("Send to %s now") % to
    if plan.local_time:
        facts = {"at": _shown(plan.at), "to": to}
        return _("Schedule for %(at)s in their own time to %(to)s") % facts
    return _("Schedule for %(at)s to %(to)s") % {"at": _moment(plan.at), "to": to}
