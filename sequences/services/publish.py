"""Freeze the draft of a sequence into a version that runs follow from now on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Max

from accounts.audit import Actor
from delivery import services as delivery
from delivery import sources
from emailseq.lib import state
from emailseq.lib.errors import Invalid, Problem
from sequences import draft, frozen, impact, kinds, program, validate, versions
from sequences.draft import Node
from sequences.models import Enrollment, Sequence, SequenceVersion, Transfer
from sequences.runs import program_of
from sequences.services import edit
from sequences.states import SEQUENCE_MOVES, Fate
from templates_app import services as templates


@transaction.atomic
def publish(
    sequence: Sequence,
    *,
    by: Actor,
    people: str = Fate.STAY,
    steps: Mapping[str, str] | None = None,
    seen: str = "",
    expected_revision: int | None = None,
) -> SequenceVersion:
    """Publish the draft with the current content of its templates; a draft goes live by it.

    `people` is the Fate of those who are inside, and `steps` that of those who stand at the steps
    of these keys; `seen` is the token of the impact that was looked at. Raises Invalid with all
    that `validate` finds or the templates cannot do, Stale, and StateConflict for an archived
    sequence.
    """
    edit.lock(sequence, expected_revision)
    if seen:
        impact.check(sequence, seen)
    _check_fates(sequence, people, steps or {})
    if found := validate.problems(sequence):
        raise Invalid(found)
    nodes = draft.read(sequence)
    version = _freeze(sequence, nodes, _publish_templates(nodes, by=by), by=by)
    state.move(Sequence.objects.filter(pk=sequence.pk), SEQUENCE_MOVES["publish"])
    # It counts as a change: of two who publish what they have seen, the second has not seen this.
    changes = {"live_version": version, "revision": sequence.revision + 1}
    Sequence.objects.filter(pk=sequence.pk).update(**changes)
    sequence.refresh_from_db()
    if {people, *(steps or {}).values()} != {Fate.STAY}:
        Transfer.objects.create(version=version, fate=people, fates=dict(steps or {}))
    delivery.mirror(**sequence.mirrored)
    record = {"version": version.number, "people": people}
    sources.record(sequence, kinds.SEQUENCE_PUBLISHED, by=by, **record)
    return version


@transaction.atomic
def restore(version: SequenceVersion, *, by: Actor, expected_revision: int | None = None) -> bool:
    """Make the draft that of an earlier version; False if it is. Nothing is published by it.

    Emails send what their templates say when it is published. Raises Invalid when something that
    the version names is not there any more, Stale.
    """
    document = versions.document(version)
    return edit.put_draft(
        version.sequence, document=document, by=by, expected_revision=expected_revision
    )


def _check_fates(sequence: Sequence, people: str, steps: Mapping[str, str]) -> None:
    """Raise Invalid for what is no fate, or would be that of nobody."""
    faults = []
    if people not in Fate.values:
        said = f"This must be one of {', '.join(Fate.values)}."
        faults.append(Problem("/people", "invalid_choice", said))
    known = _known_keys(sequence) if steps else set()
    for key, fate in steps.items():
        if fate not in Fate.values:
            said = f"This must be one of {', '.join(Fate.values)}."
            faults.append(Problem(f"/steps/{key}", "invalid_choice", said))
        elif key not in known:
            said = f"Nobody stands at a step “{key:.50}”."
            faults.append(Problem(f"/steps/{key}", "not_found", said))
    if faults:
        raise Invalid(faults)


def _known_keys(sequence: Sequence) -> set[str]:
    """The steps of every version that has people inside, and of the live one."""
    inside = {version for version, _ in Enrollment.objects.all().standing(sequence)}
    live = {sequence.live_version_id} - {None}
    return {step.key for pk in inside | live for step in program_of(pk)}


def _publish_templates(nodes: Iterable[Node], *, by: Actor) -> dict[int, int]:
    """The published version of each template in use, by ids. Raises Invalid, naming the steps."""
    found_versions: dict[int, int] = {}
    found: list[Problem] = []
    for template, users in frozen.templates(nodes).items():
        try:
            found_versions[template.pk] = templates.publish(
                template, by=by, ways=[templates.WAY_OUT]
            ).pk
        except Invalid as error:
            found += [validate.of_step(users[0], each.code, each.detail) for each in error.errors]
    if found:
        raise Invalid(found)
    return found_versions


def _freeze(
    sequence: Sequence, nodes: tuple[Node, ...], version_ids: dict[int, int], *, by: Actor
) -> SequenceVersion:
    latest = sequence.versions.aggregate(number=Max("number"))["number"]
    return SequenceVersion.objects.create(
        sequence=sequence,
        number=(latest or 0) + 1,
        program=program.freeze(frozen.program(nodes, version_ids)),
        document={"steps": [draft.document(node) for node in nodes]},
        published_by=by.label[:254],
    )
