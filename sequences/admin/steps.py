"""The verbs behind the buttons of each step."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from delivery.admin.specimens import sends_test
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb
from emailseq.backoffice.verbs import edit as edit_verb
from sequences.admin.arm_forms import ArmForm, ArmKeyForm, PlaceForm
from sequences.admin.step_forms import VariantForm, form_of
from sequences.models import Step
from sequences.services import edit, trials
from sequences.specimens import try_step
from sequences.states import StepKind

COUNTS = _("It counts from the next publishing on.")


def _up(step: Step, *, by: Actor) -> Step:
    return edit.move_step(step, to=step.position - 1, by=by)


def _down(step: Step, *, by: Actor) -> Step:
    return edit.move_step(step, to=step.position + 1, by=by)


def _arm_up(step: Step, *, key: str, by: Actor) -> Step:
    return edit.move_arm(step, key, to=_number(step, key) - 1, by=by)


def _arm_down(step: Step, *, key: str, by: Actor) -> Step:
    return edit.move_arm(step, key, to=_number(step, key) + 1, by=by)


def _number(step: Step, key: str) -> int:
    keys = [arm["key"] for arm in step.settings.get("arms", ())]
    return keys.index(key) + 1 if key in keys else 0


def _update_arm(step: Step, *, key: str = "", by: Actor, **changes: Any) -> Step:
    return edit.update_arm(step, key, by=by, **changes)


def _add_arm(step: Step, *, by: Actor, key: str = "", **members: Any) -> Step:
    return edit.add_arm(step, by=by, **members)


def _remove_arm(step: Step, *, key: str, by: Actor) -> Step:
    return edit.remove_arm(step, key, by=by)


def _choose(step: Step, *, variant: str, by: Actor) -> None:
    trials.choose(step.sequence, step=step.key, variant=variant, by=by)


def _restart(step: Step, *, by: Actor) -> None:
    trials.restart(step.sequence, step=step.key, by=by)


def _remove(step: Step, *, by: Actor) -> str:
    gone = edit.remove_step(step, by=by)
    if gone == 1:
        return gettext("Removed. Who is inside goes on with it.")
    said = ngettext(
        "Removed, with all it held: %d step.", "Removed, with all it held: %d steps.", gone
    )
    return said % gone


def _what_goes(step: Step) -> str:
    """What else a removed step takes with it."""
    inside = _inside(step)
    if not inside:
        return ""
    said = ngettext("%d step in its arms goes with it.", "%d steps in its arms go with it.", inside)
    return said % inside


def _inside(step: Step) -> int:
    count, level = 0, [step.pk]
    while level := [*Step.objects.filter(parent__in=level).values_list("pk", flat=True)]:
        count += len(level)
    return count


@admin.register(Step)
class StepAdmin(WorkspaceAdmin):
    """No page of its own: the verbs behind the buttons on a sequence's page."""

    resource = "sequences"
    ordering = ("position",)
    page_verbs = (
        edit_verb(edit.update_step, label=_("Change step"), form=form_of),
        Verb(_up, name="up", label=_("Move up"), icon="arrow_upward", done=_("Moved.")),
        Verb(_down, name="down", label=_("Move down"), icon="arrow_downward", done=_("Moved.")),
        Verb(
            edit.move_step,
            name="place",
            label=_("Move elsewhere"),
            icon="drive_file_move",
            form=PlaceForm,
            done=_("Moved."),
        ),
        Verb(
            edit.duplicate_step,
            name="duplicate",
            label=_("Duplicate"),
            icon="content_copy",
            done=_("There is a copy of it."),
        ),
        sends_test(try_step, when=lambda step: step.kind == StepKind.EMAIL),
        Verb(
            _remove,
            name="remove",
            label=_("Remove"),
            icon="delete",
            title=_("Remove this step?"),
            sentence=_what_goes,
        ),
        Verb(
            _choose,
            name="choose",
            label=_("Send this variant to all others"),
            icon="check",
            right="sequences:publish",
            form=VariantForm,
            sentence=_("It counts from now on. Who has had another one keeps it."),
            done=_("It is sent to all others from now on."),
        ),
        Verb(
            _restart,
            name="restart",
            label=_("Try the variants anew"),
            icon="restart_alt",
            right="sequences:publish",
            sentence=_("No variant is the winner any more, and only what happens now counts."),
            done=_("They are on trial again."),
        ),
        Verb(
            _add_arm,
            name="add_arm",
            label=_("Add an arm"),
            icon="add",
            form=ArmForm,
            done=COUNTS,
        ),
        Verb(
            _update_arm,
            name="edit_arm",
            label=_("Change arm"),
            icon="edit",
            form=ArmForm,
            done=COUNTS,
        ),
        Verb(
            _arm_up,
            name="arm_up",
            label=_("Move arm up"),
            icon="arrow_upward",
            form=ArmKeyForm,
            done=_("Moved."),
        ),
        Verb(
            _arm_down,
            name="arm_down",
            label=_("Move arm down"),
            icon="arrow_downward",
            form=ArmKeyForm,
            done=_("Moved."),
        ),
        Verb(
            _remove_arm,
            name="remove_arm",
            label=_("Remove arm"),
            icon="delete",
            form=ArmKeyForm,
            title=_("Remove this arm, and the steps in it?"),
            done=COUNTS,
        ),
    )

    def get_queryset(self, request: Request) -> QuerySet[Step]:
        own = Step.objects.filter(sequence__workspace=request.workspace)
        return own.select_related("sequence", "template", "parent")

    def has_module_permission(self, request: Request) -> bool:
        return False  # no list of steps: a sequence shows its own

    def url_of(self, target: Step) -> str:
        return reverse("admin:sequences_sequence_change", args=[target.sequence_id])
