from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.audit import Actor
from emailseq.lib.errors import Stale
from sequences import draft
from sequences.draft import Document
from sequences.models import Ending, Sequence, Step, Trigger
from sequences.services.edit import rows
from sequences.services.edit.names import Names
from sequences.services.edit.opening import lock
from sequences.services.edit.rows import Bed, Place
from sequences.services.edit.sequence import SETTINGS, create_sequence
from sequences.services.edit.steps import add_step


@transaction.atomic
def duplicate_step(step: Step, *, by: Actor, expected_revision: int | None = None) -> Step:
    """Put a copy of a step, and of all in its arms, right behind it."""
    sequence = step.sequence
    lock(sequence, expected_revision)
    node = next((node for node in draft.walk(draft.read(sequence)) if node.step == step), None)
    if node is None:
        raise Stale("Somebody else has removed this step.")
    document = draft.document(node)
    copy = _Renewal([document], sequence, sequence).step(document)
    original = node.step
    return add_step(
        sequence,
        by=by,
        to=original.position + 1,
        parent=original.parent,
        arm=original.arm,
        **copy,
    )


@transaction.atomic
def duplicate_sequence(sequence: Sequence, *, name: str, slug: str, by: Actor) -> Sequence:
    """Make a draft like this one, with steps of its own. Raises Conflict for a taken slug."""
    settings = {each: getattr(sequence, each) for each in SETTINGS}
    rule = settings.pop("entry_rule")
    made = create_sequence(sequence.workspace, name=name, slug=slug, by=by, **settings)
    steps = draft.written(sequence)["steps"]
    renewal = _Renewal(steps, sequence, made)
    if rule:
        made.entry_rule = renewal.rule(rule)
        made.save(update_fields=["entry_rule"])
    copies = [renewal.step(step) for step in steps]
    bed = Bed(Names(sequence.workspace, copies))
    rows.write(made, bed.read_steps(copies, "/steps", Place()))
    Trigger.objects.bulk_create(
        Trigger(sequence=made, kind=each.kind, list=each.list, tag=each.tag, settings=each.settings)
        for each in sequence.triggers.select_related("list", "tag")
    )
    Ending.objects.bulk_create(
        Ending(sequence=made, kind=each.kind, name=each.name, when=renewal.when(each.when))
        for each in sequence.endings.all()
    )
    return made


class _Renewal:
    """Steps under new keys: whatever named one of them, or their sequence, names the copy."""

    def __init__(self, steps: list[Document], old: Sequence, new: Sequence) -> None:
        self.old, self.new = old.public_id, new.public_id
        self.keys = {key: rows.new_key() for key in _keys(steps)}

    def step(self, step: Document) -> Document:
        copy = {**step, "key": self.keys[step["key"]]}
        if "thread" in step:
            copy["thread"] = self.keys.get(step["thread"], step["thread"])
        if "arms" in step:
            copy["arms"] = [self._arm(arm) for arm in step["arms"]]
        return copy

    def when(self, when: Document) -> Document:
        match when:
            case {"opened": str(key)}:
                return {"opened": self.keys.get(key, key)}
            case {"clicked": str(key)}:
                return {"clicked": self.keys.get(key, key)}
            case {"rule": rule}:
                return {"rule": self.rule(rule)}
        return when

    def rule(self, rule: Any) -> Any:
        match rule:
            case list():
                return [self.rule(each) for each in rule]
            case {"message": _, "of": {"sequence": self.old, **source}}:
                if key := source.get("step"):
                    source["step"] = self.keys.get(str(key), key)
                return {**rule, "of": {"sequence": self.new, **source}}
            case {"enrollment": _, "of": self.old}:
                return {**rule, "of": self.new}
            case {"all": _} | {"any": _} | {"none": _}:
                return {name: self.rule(rules) for name, rules in rule.items()}
        return rule

    def _arm(self, arm: Document) -> Document:
        copy = {**arm, "steps": [self.step(step) for step in arm["steps"]]}
        if arm.get("when"):
            copy["when"] = self.when(arm["when"])
        return copy


def _keys(steps: list[Document]) -> list[str]:
    return [
        key
        for step in steps
        for key in (step["key"], *(k for arm in step.get("arms", ()) for k in _keys(arm["steps"])))
    ]
