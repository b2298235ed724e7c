"""The settings of a sequence, its triggers and its endings, which act at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import time
from typing import Any

from accounts.models import Workspace
from emailseq.lib.errors import Invalid, Problem
from emailseq.lib.localtime import NeverOpen, Window
from sequences import draft
from sequences.draft import Node
from sequences.models import Ending, Sequence
from sequences.services.edit import readers, starts
from sequences.services.edit.names import Names
from sequences.states import EndingKind, StepKind, TriggerKind
from subscribers.models import CustomField
from subscribers.segments.preview import matches_nobody
from subscribers.segments.rules import parse
from subscribers.states import FieldKind


def problems(sequence: Sequence, nodes: Iterable[Node]) -> Iterator[Problem]:
    yield from _own(sequence)
    yield from _triggers(sequence)
    yield from _endings(sequence, nodes)


def warnings(sequence: Sequence) -> Iterator[Problem]:
    if sequence.entry_rule and matches_nobody(parse(sequence.entry_rule), sequence.workspace):
        detail = (
            "The entry rule holds for nobody as of now, so nobody would be let in: is it meant?"
        )
        yield Problem("/entry_rule", "matches_nobody", detail)


def rules(sequence: Sequence) -> Iterator[tuple[str, Any]]:
    """The rules among them, each with its pointer."""
    if sequence.entry_rule:
        yield "/entry_rule", sequence.entry_rule
    for pointer, ending in _placed(sequence):
        if rule := ending.when.get("rule"):
            yield f"{pointer}/when/rule", rule


def faults(whose: str, read: Callable[[], Any]) -> Iterator[Problem]:
    """What is wrong now with something that was right when it was saved."""
    try:
        read()
    except Invalid as error:
        for each in error.errors:
            yield Problem(each.pointer, each.code, f"{whose}: {each.detail}")


def _own(sequence: Sequence) -> Iterator[Problem]:
    if sequence.list and sequence.list.archived_at:
        detail = f"The list “{sequence.list}” is archived: choose another one."
        yield Problem("/list", "archived", detail)
    if rule := sequence.entry_rule:
        reader = readers.rule(sequence.workspace)
        yield from faults("The entry rule", lambda: reader(rule, "/entry_rule"))
    if sequence.window and not _opens(sequence.window):
        yield Problem("/window", "never_open", "Its send window is never open: choose some days.")


def _opens(window: dict[str, Any]) -> bool:
    opens, closes = (time.fromisoformat(window[name]) for name in ("opens", "closes"))
    try:
        Window(opens, closes, frozenset(window["weekdays"]))
    except NeverOpen:
        return False
    return True


def _triggers(sequence: Sequence) -> Iterator[Problem]:
    documents = [
        (f"/triggers/{place}", draft.trigger_document(trigger), trigger)
        for place, trigger in enumerate(sequence.triggers.select_related("list", "tag", "segment"))
    ]
    names = Names(sequence.workspace, [document for _, document, _ in documents])
    for at, document, trigger in documents:
        if trigger.list and trigger.list.archived_at:
            detail = f"Nobody joins the archived list “{trigger.list}”: choose another one."
            yield Problem(at, "archived", detail)
        if trigger.segment and trigger.segment.archived_at:
            detail = f"Nobody comes into the archived segment “{trigger.segment}”: choose another."
            yield Problem(at, "archived", detail)

        def read(document: Any = document, at: str = at) -> Any:
            return starts.read_trigger(sequence, names, document, at)

        yield from faults(f"What starts it ({trigger.get_kind_display()})", read)
        if trigger.kind == TriggerKind.DATE:
            yield from not_a_date(
                sequence.workspace, trigger.settings["field"], at, "What starts it"
            )


def not_a_date(workspace: Workspace, key: str, at: str, whose: str) -> Iterator[Problem]:
    """The problem that a field of that key, which is there, holds no dates, if so."""
    field = CustomField.objects.of(workspace).filter(key=key).first()
    if field and field.kind not in (FieldKind.DATE, FieldKind.DATETIME):
        detail = f"{whose}: “{key}” is a {field.kind}, no date: choose a field that is one."
        yield Problem(f"{at}/field", "field_type", detail)


def _endings(sequence: Sequence, nodes: Iterable[Node]) -> Iterator[Problem]:
    emails = {node.step.key for node in draft.walk(nodes) if node.step.kind == StepKind.EMAIL}
    reader = readers.when(sequence.workspace)
    for at, ending in _placed(sequence):
        whose, when = f"{ending.get_kind_display()} “{ending}”", ending.when

        def read(when: Any = when, at: str = at) -> Any:
            return reader(when, f"{at}/when")

        yield from faults(whose, read)
        for verb in ("opened", "clicked"):
            if isinstance(key := when.get(verb), str) and key not in emails:
                detail = f"{whose}: there is no email “{key}” any more: choose another one."
                yield Problem(f"{at}/when/{verb}", "not_found", detail)


def _placed(sequence: Sequence) -> Iterator[tuple[str, Ending]]:
    """The endings, each with its pointer into what was given."""
    endings = [*sequence.endings.all()]
    for kind, member in ((EndingKind.GOAL, "goals"), (EndingKind.EXIT, "exits")):
        of_kind = [each for each in endings if each.kind == kind]
        for place, ending in enumerate(of_kind):
            yield f"/{member}/{place}", ending
