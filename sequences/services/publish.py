"""Freeze the draft of a sequence into a version that runs follow from now on."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Max

from accounts.audit import Actor
from delivery import services as delivery
from delivery import sources
from emailseq.lib import state
from emailseq.lib.errors import Invalid, Problem
from sequences import draft, frozen, kinds, program, validate
from sequences.draft import Node
from sequences.models import Sequence, SequenceVersion
from sequences.services import edit
from sequences.states import SEQUENCE_MOVES
from templates_app import services as templates


@transaction.atomic
def publish(
    sequence: Sequence, *, by: Actor, expected_revision: int | None = None
) -> SequenceVersion:
    """Publish the draft with the current content of its templates; a draft goes live by it.

    People inside stay on their version. Raises Invalid with all that `validate` finds or the
    templates cannot do, Stale, and StateConflict for an archived sequence.
    """
    edit.lock(sequence, expected_revision)
    if found := validate.problems(sequence):
        raise Invalid(found)
    nodes = draft.read(sequence)
    version = _freeze(sequence, nodes, _publish_templates(nodes, by=by), by=by)
    state.move(Sequence.objects.filter(pk=sequence.pk), SEQUENCE_MOVES["publish"])
    Sequence.objects.filter(pk=sequence.pk).update(live_version=version)
    sequence.refresh_from_db()
    delivery.mirror(**sequence.mirrored)
    sources.record(sequence, kinds.SEQUENCE_PUBLISHED, by=by, version=version.number)
    return version


def _publish_templates(nodes: Iterable[Node], *, by: Actor) -> dict[int, int]:
    """The published version of each template in use, by ids. Raises Invalid, naming the steps."""
    versions: dict[int, int] = {}
    found: list[Problem] = []
    for template, users in frozen.templates(nodes).items():
        try:
            versions[template.pk] = templates.publish(template, by=by, ways=[templates.WAY_OUT]).pk
        except Invalid as error:
            found += [validate.of_step(users[0], each.code, each.detail) for each in error.errors]
    if found:
        raise Invalid(found)
    return versions


def _freeze(
    sequence: Sequence, nodes: tuple[Node, ...], version_ids: dict[int, int], *, by: Actor
) -> SequenceVersion:
    latest = sequence.versions.aggregate(number=Max("number"))["number"]
    return SequenceVersion.objects.create(
        sequence=sequence,
        number=(latest or 0) + 1,
        program=program.freeze(frozen.program(nodes, version_ids)),
        document=draft.written(sequence),
        published_by=by.label,
    )
