"""Publishing, with all there is to know before: what is missing, what changes, whom it concerns."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from emailseq.backoffice.forms import VerbForm
from sequences import validate, versions
from sequences.diff import Changed, Diff
from sequences.impact import Impact, Standing, impact
from sequences.models import Sequence
from sequences.services.publish import publish as publish_draft
from sequences.states import Fate

KINDS = {
    "added": _("New"),
    "removed": _("Gone"),
    "moved": _("Elsewhere"),
    "changed": _("Different"),
}
MEMBERS = {
    "template": _("template"),
    "content": _("content of the template"),
    "variants": _("variants"),
    "thread": _("thread"),
    "delay": _("how long"),
    "until": _("until when"),
    "timeout": _("for how long"),
    "arms": _("arms"),
    "action": _("what it does"),
    "reason": _("reason"),
}


class PublishForm(VerbForm):
    """What becomes of those inside; `token` stands for the impact that is shown."""

    target: Sequence
    people = forms.ChoiceField(choices=Fate.choices, required=False, label=_("Who is inside"))
    token = forms.CharField(required=False, widget=forms.HiddenInput)

    def extra_fields(self) -> dict[str, forms.Field]:
        self.impact: Impact = impact(self.target)
        return {
            f"fate-{standing.step}": forms.ChoiceField(
                choices=[("", gettext("As all others")), *Fate.choices],
                required=False,
                label=gettext("At step %s, which is gone") % standing.label,
            )
            for standing in self.removed()
        }

    def removed(self) -> list[Standing]:
        """Where people stand at a step that is gone; once for each step."""
        return [*{each.step: each for each in self.impact.standing if each.removed}.values()]

    def values_of(self, target: Any) -> dict[str, Any]:
        return {**super().values_of(target), "token": self.impact.token}

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        fates = {
            name.removeprefix("fate-"): given.pop(name)
            for name in [*given]
            if name.startswith("fate-")
        }
        return {
            "people": given["people"] or Fate.STAY,
            "steps": {step: fate for step, fate in fates.items() if fate},
            "seen": given["token"],
        }

    def problems(self) -> list[str]:
        return [problem.detail for problem in validate.problems(self.target)]

    def warnings(self) -> list[str]:
        odd = [*validate.warnings(self.target), *validate.odd_contents(self.target)]
        return [problem.detail for problem in odd]

    def changes(self) -> list[tuple[Any, str, str]]:
        """What is different from the live version: how, which step, and what of it."""
        if self.target.live_version is None:
            return []
        found: Diff = versions.difference(self.target)
        return [
            (KINDS[kind], each.label, _what(each))
            for kind in KINDS
            for each in getattr(found, kind)
        ]

    def standing(self) -> list[Standing]:
        return [*self.impact.standing]


def _what(step: Changed) -> str:
    return ", ".join(str(MEMBERS.get(name, name)) for name in step.members)


def publish(sequence: Sequence, *, by: Actor, **options: Any) -> str:
    version = publish_draft(sequence, by=by, **options)
    if options["people"] == Fate.STAY and not options["steps"]:
        return gettext("Version %d is live. Who is inside keeps theirs.") % version.number
    return gettext("Version %d is live. Who is inside follows within minutes.") % version.number
