"""Freeze the draft of a sequence into a version that runs follow from now on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import cast

from django.db import transaction
from django.db.models import Max

from accounts.audit import Actor
from delivery import services as delivery
from delivery import sources
from emailseq.lib import state
from emailseq.lib.errors import Invalid
from sequences import kinds, program, validate
from sequences.models import Sequence, SequenceVersion, Step
from sequences.program import EmailStep, Program, WaitStep
from sequences.schedule import Delay
from sequences.services import edit
from sequences.states import SEQUENCE_MOVES
from templates_app import services as templates
from templates_app.models import Template, TemplateVersion


@transaction.atomic
def publish(
    sequence: Sequence, *, by: Actor, expected_revision: int | None = None
) -> SequenceVersion:
    """Publish the draft with the current content of its templates; a draft goes live by it.

    People inside stay on their version. Raises Invalid with all that `validate` finds or the
    templates cannot do, Stale, and StateConflict for an archived sequence.
    """
    edit.lock(sequence, expected_revision)
    found = validate.problems(sequence)
    if found:
        raise Invalid(found)
    steps = list(sequence.steps.select_related("template"))
    version = _freeze(sequence, steps, _publish_templates(steps, by=by))
    state.move(Sequence.objects.filter(pk=sequence.pk), SEQUENCE_MOVES["publish"])
    Sequence.objects.filter(pk=sequence.pk).update(live_version=version)
    sequence.refresh_from_db()
    delivery.mirror(workspace=sequence.workspace, name=sequence.name, **sequence.source)
    sources.record(sequence, kinds.SEQUENCE_PUBLISHED, by=by, version=version.number)
    return version


def _publish_templates(steps: Iterable[Step], *, by: Actor) -> dict[Template, TemplateVersion]:
    """The published version of each template in use. Raises Invalid, naming the steps."""
    versions: dict[Template, TemplateVersion] = {}
    found = []
    for step in steps:
        if step.template and step.template not in versions:
            try:
                versions[step.template] = templates.publish(step.template, by=by)
            except Invalid as error:
                found += [validate.of_step(step, each.code, each.detail) for each in error.errors]
    if found:
        raise Invalid(found)
    return versions


def _freeze(
    sequence: Sequence, steps: Iterable[Step], versions: dict[Template, TemplateVersion]
) -> SequenceVersion:
    frozen = Program(
        tuple(
            EmailStep(step.key, versions[step.template].pk)
            if step.template
            # A wait has its delay by `step_settings_match_kind`.
            else WaitStep(step.key, Delay(cast("timedelta", step.delay)))
            for step in steps
        )
    )
    latest = sequence.versions.aggregate(number=Max("number"))["number"]
    return SequenceVersion.objects.create(
        sequence=sequence, number=(latest or 0) + 1, program=program.freeze(frozen)
    )
