"""What was published, beside what is drafted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import F

from sequences import diff, draft, frozen, program
from sequences.diff import Diff
from sequences.draft import Document, Node
from sequences.models import Sequence, SequenceVersion
from sequences.program import EmailStep, Program
from sequences.states import StepKind
from subscribers.segments import comparisons
from templates_app.models import Template, TemplateVersion

NOTHING: Document = {"steps": []}


def difference(sequence: Sequence, nodes: tuple[Node, ...] | None = None) -> Diff:
    """What the draft (its `nodes`) changes, against the live version; all, if there is none."""
    nodes = draft.read(sequence) if nodes is None else nodes
    drafted = {"steps": [draft.document(node) for node in nodes]}
    live = sequence.live_version
    if live is None:
        return diff.diff(NOTHING, drafted)
    content = _new_content(program.load(live.program), nodes)
    return diff.diff(document(live), drafted, new_content=content)


def document(version: SequenceVersion) -> Document:
    """The draft that a version was made of."""
    if version.document is not None:
        kept: Document = version.document
        return kept
    # From before drafts were kept: emails and waits, one after the other.
    steps = version.program["steps"]
    sent = [step["template_version_id"] for step in steps if step["kind"] == StepKind.EMAIL]
    used = TemplateVersion.objects.filter(pk__in=sent).select_related("template")
    templates = {each.pk: each.template.public_id for each in used}
    return {"steps": [_written(step, templates) for step in steps]}


def published(templates: Iterable[Template]) -> dict[int, int]:
    """The version of each template whose content has not changed since, by the ids."""
    same = {part: F(f"template__{part}") for part in ("subject", "html", "text")}
    current = TemplateVersion.objects.filter(
        template__in=[*templates], pk=F("template__published_version"), **same
    )
    return dict(current.values_list("template_id", "pk"))


def _new_content(live: Program, nodes: tuple[Node, ...]) -> set[str]:
    """The emails of which the next version would send something else."""
    current = published(frozen.templates(nodes))
    sent = {step.key: _contents(step) for step in live if isinstance(step, EmailStep)}
    return {
        node.step.key
        for node in draft.walk(nodes)
        if node.step.key in sent
        and {current.get(each) for each in frozen.contents(node)} != sent[node.step.key]
    }


def _contents(step: EmailStep) -> set[int]:
    return {step.template_version_id, *(each.template_version_id for each in step.variants)}


def _written(step: Mapping[str, Any], templates: Mapping[int, str]) -> Document:
    told: Document = {"key": step["key"], "kind": step["kind"]}
    if step["kind"] == StepKind.EMAIL:
        return {**told, "template": templates[step["template_version_id"]]}
    return {**told, "delay": comparisons.written(timedelta(seconds=step["seconds"]))}
