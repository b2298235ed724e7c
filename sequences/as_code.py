"""A sequence as one document that people can read, keep in git and bring to another workspace.

    sequence: welcome                    what it is called here: its slug
    name: Welcome
    list: newsletter                     and other settings, where they are not as usual
    triggers: [{kind: list_joined, list: newsletter}]
    goals: []
    exits: []
    steps: [{key: hello, kind: email, template: welcome-1}, …]
    templates: {welcome-1: {name: …, subject: …, html: …}}
    lists: {newsletter: {name: Newsletter, opt_in: double}}
    tags: {vip: {name: VIP}}
    fields: {plan: {label: Plan, kind: text}}
    tests: [{name: …, start: …, expect: […]}, …]

Everything is named by slug. `sequences.services.as_code` makes a sequence of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from accounts.models import Workspace
from delivery.models import SenderIdentity
from emailseq.lib import ids
from sequences import documents, draft, frozen
from sequences.draft import Document
from sequences.models import Sequence
from sequences.services.edit.sequence import SETTINGS
from sequences.states import EndingKind
from subscribers.models import CustomField, List, Segment, Tag
from subscribers.segments import comparisons
from templates_app.models import Template
from templates_app.services import PARTS

NAMED = (List, Tag, Segment, Template, Sequence)
_FIELD = re.compile(r"subscriber\.(\w+)")


def written(sequence: Sequence) -> Document:
    """The draft and the settings of a sequence, and all that they need, as a document."""
    own = _pruned(_own(sequence))
    rows = _named(own, sequence.workspace)
    templates = [*frozen.templates(draft.read(sequence))]
    fields = CustomField.objects.of(sequence.workspace).order_by("key")
    used = {*_members(own, "field"), *_merged(templates)}
    needed = {
        "templates": {each.slug: _template(each) for each in templates},
        "lists": {
            each.slug: {"name": each.name, "opt_in": each.opt_in}
            for each in rows.values()
            if isinstance(each, List)
        },
        "tags": {each.slug: {"name": each.name} for each in rows.values() if isinstance(each, Tag)},
        "fields": {each.key: _field(each) for each in fields if each.key in used},
    }
    slugs = {public_id: row.slug for public_id, row in rows.items()}
    return {**renamed(own, slugs), **{name: value for name, value in needed.items() if value}}


def export(sequence: Sequence) -> str:
    """The same as YAML."""
    return documents.dump(written(sequence))


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A document with other names, wherever they stand as a text of their own."""
    match value:
        case str():
            return names.get(value, value)
        case dict():
            return {key: renamed(each, names) for key, each in value.items()}
        case list() | tuple():
            return [renamed(each, names) for each in value]
    return value


def _own(sequence: Sequence) -> Document:
    triggers = sequence.triggers.select_related("list", "tag", "segment")
    endings = [*sequence.endings.all()]
    return {
        "sequence": sequence.slug,
        "name": sequence.name,
        **dict(_settings(sequence)),
        "triggers": [draft.trigger_document(each) for each in triggers],
        "goals": [draft.ending_document(e) for e in endings if e.kind == EndingKind.GOAL],
        "exits": [draft.ending_document(e) for e in endings if e.kind == EndingKind.EXIT],
        **draft.written(sequence),
    }


def _settings(sequence: Sequence) -> Iterator[tuple[str, Any]]:
    """The settings that are not as usual."""
    for name in SETTINGS:
        value = getattr(sequence, name)
        if value != usual(name):
            yield name, _plain(value)


def usual(name: str) -> Any:
    """The value of a setting of which nobody has said anything."""
    field: Any = Sequence._meta.get_field(name)
    return field.get_default()


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return comparisons.written(value)
        case SenderIdentity():
            return value.email
        case List():
            return value.public_id
    return value


def _pruned(value: Any) -> Any:
    """Without members that say nothing."""
    match value:
        case dict():
            return {
                key: _pruned(each)
                for key, each in value.items()
                if not (each is None or (key, each) == ("name", ""))
            }
        case list():
            return [_pruned(each) for each in value]
    return value


def _named(document: Document, workspace: Workspace) -> dict[str, Any]:
    """The rows that the document names, by public id."""
    texts = set(_texts(document))
    found: dict[str, Any] = {}
    for model in NAMED:
        uids = [uid for text in texts if (uid := ids.decode(model.prefix, text))]
        if uids:
            rows: Any = model.objects.of(workspace).filter(uid__in=uids).order_by("slug")
            found |= {row.public_id: row for row in rows}
    return found


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


def _members(value: Any, name: str) -> Iterator[str]:
    """The texts of all members of that name, wherever they stand."""
    match value:
        case dict():
            if isinstance(value.get(name), str):
                yield value[name]
            for each in value.values():
                yield from _members(each, name)
        case list():
            for each in value:
                yield from _members(each, name)


def _merged(templates: Iterable[Template]) -> Iterator[str]:
    """The merge fields of subscribers that templates have."""
    for template in templates:
        for part in PARTS:
            yield from _FIELD.findall(getattr(template, part))


def _template(template: Template) -> Document:
    parts = {part: getattr(template, part) for part in PARTS}
    return {"name": template.name, **{part: text for part, text in parts.items() if text}}


def _field(field: CustomField) -> Document:
    shown = {"label": field.label, "kind": field.kind}
    return {**shown, "choices": field.choices} if field.choices else shown
