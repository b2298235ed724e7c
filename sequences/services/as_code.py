"""Make a sequence what a document says: see `sequences.as_code`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.core.validators import slug_re
from django.db import transaction

from accounts.audit import Actor
from accounts.models import Workspace
from delivery.models import SenderIdentity
from emailseq.lib.errors import Invalid, Problem
from sequences import as_code, documents, validate
from sequences.draft import Document
from sequences.models import Sequence
from sequences.services import edit
from sequences.services.edit import readers
from sequences.services.edit.names import Names
from sequences.services.edit.sequence import SETTINGS
from sequences.services.publish import publish as publish_draft
from subscribers import services as people
from subscribers.models import CustomField, List, Tag
from subscribers.segments import reading
from subscribers.segments.reading import Object, fault, word
from subscribers.states import FieldKind, OptIn
from templates_app import services as contents
from templates_app.models import Template
from templates_app.services import PARTS

MAX_SLUG, MAX_LABEL, MAX_CONTENT = 50, 100, 500_000
STEERING = ("triggers", "goals", "exits", "steps")
_KEY = re.compile("[a-z][a-z0-9_]*")
BESIDE = ("tests", "description")  # what is not for the sequence itself
# What a document may make besides the sequence, and the permission that takes.
RIGHTS = {
    "templates": "templates:write",
    "lists": "lists:write",
    "tags": "lists:write",
    "fields": "lists:write",
}


@dataclass(frozen=True)
class Applied:
    """What a document makes, or would make, of a workspace.

    `diff` is what changes in the sequence and what it needs, as a unified diff of documents.
    `problems` are what keeps the draft from being published.
    """

    slug: str
    diff: str
    made: bool
    problems: tuple[Problem, ...] = ()
    published: int | None = None

    @property
    def changed(self) -> bool:
        return bool(self.diff)


def rights(document: Any) -> set[str]:
    """The permissions it takes to make what the document brings along."""
    brought = document if isinstance(document, dict) else {}
    return {right for noun, right in RIGHTS.items() if brought.get(noun)}


def plan(workspace: Workspace, *, document: Any, by: Actor) -> Applied:
    """What `apply` would do; nothing is stored. Raises as it does."""
    with transaction.atomic():
        applied = apply(workspace, document=document, by=by)
        transaction.set_rollback(True)
    return applied


def apply(workspace: Workspace, *, document: Any, by: Actor, publish: bool = False) -> Applied:
    """Make or change the sequence of a document, and the templates in it, as it says.

    Lists, tags and fields are made where they are missing, and stay as they are where they are
    there. Applied again, it changes nothing. With `publish`, the draft is published if it is not
    what is live. Raises Invalid, with JSON pointers into the document; StateConflict when the
    sequence is archived.
    """
    with transaction.atomic():
        slug, before = _before(workspace, document)
        sequence = _write(workspace, document, by=by)
        after = as_code.written(sequence)
        diff = _diff(before, after)
        problems = tuple(validate.problems(sequence))
        if not diff:
            transaction.set_rollback(True)
    applied = Applied(slug, diff, made=before is None, problems=problems)
    if publish:
        return replace(applied, published=_publish(sequence, by=by))
    return applied


def _publish(sequence: Sequence, *, by: Actor) -> int | None:
    """The number of the version that goes live; None if it would say what is live already."""
    with transaction.atomic():
        live = sequence.live_version
        version = publish_draft(sequence, by=by)
        if live and live.program == version.program:
            transaction.set_rollback(True)
            return None
    return version.number


def _before(workspace: Workspace, document: Any) -> tuple[str, Document | None]:
    given = Object(document, "")
    slug = given.take("sequence", _slug)
    if given.faults:
        raise Invalid(given.faults)
    found = Sequence.objects.of(workspace).filter(slug=slug).first()
    return slug, as_code.written(found) if found else None


def _diff(before: Document | None, after: Document) -> str:
    old = documents.dump(before).splitlines() if before else []
    lines = difflib.unified_diff(
        old, documents.dump(after).splitlines(), "is", "will be", lineterm=""
    )
    return "\n".join(lines)


def _write(workspace: Workspace, document: Any, *, by: Actor) -> Sequence:
    given = Object(document, "")
    slug, name = given.take("sequence", _slug), given.take("name", readers.text(MAX_LABEL))
    for beside in BESIDE:
        given.left.pop(beside, None)
    told = {part: given.take(part, _anything, default=[]) for part in STEERING}
    settings = {each: given.take(each, _anything) for each in SETTINGS if each in given.left}
    for noun, make in NEEDED.items():
        given.take(noun, partial(_each, partial(make, workspace, by)), default={})
    given.close()
    sequence = Sequence.objects.of(workspace).filter(slug=slug).first()
    if sequence is None:
        sequence = edit.create_sequence(workspace, name=name, slug=slug, by=by)
    edit.update(sequence, name=name, by=by, **_settings(sequence, settings))
    edit.put_draft(sequence, document={"steps": told["steps"]}, by=by)
    edit.set_triggers(sequence, triggers=told["triggers"], by=by)
    edit.set_endings(sequence, goals=told["goals"], exits=told["exits"], by=by)
    return sequence


def _settings(sequence: Sequence, given: Mapping[str, Any]) -> dict[str, Any]:
    """All settings: as given, or else as usual; but the sender stays who it is."""
    settings: dict[str, Any] = {**{name: as_code.usual(name) for name in SETTINGS}, **given}
    names = Names(sequence.workspace, settings)
    if settings["list"] is not None:
        settings["list"] = names.row(List)(settings["list"], "/list")
    if "sender" in given:
        settings["sender"] = _sender(sequence.workspace, given["sender"])
    else:
        del settings["sender"]
    return settings


def _sender(workspace: Workspace, email: Any) -> SenderIdentity:
    senders = SenderIdentity.objects.of(workspace).filter(email=str(email)).order_by("pk")
    if found := senders.first():
        return found
    raise fault("/sender", "not_found", f"There is no sender “{email!s:.50}”: make it first.")


def _each(make: Callable[[str, Object], None], value: Any, at: str) -> None:
    """Make what the members of an object describe, each under its slug."""
    faults: list[Problem] = []
    for slug, members in Object(value, at).left.items():
        where = f"{at}/{slug}"
        try:
            with _below(where):
                make(_slug(slug, ""), Object(members, ""))
        except Invalid as error:
            faults += error.errors
    if faults:
        raise Invalid(faults)


@contextmanager
def _below(at: str) -> Iterator[None]:
    try:
        yield
    except Invalid as error:
        raise Invalid([replace(each, pointer=at + each.pointer) for each in error.errors]) from None


def _template(workspace: Workspace, by: Actor, slug: str, given: Object) -> None:
    told = {
        "name": given.take("name", readers.text(MAX_LABEL)),
        **{part: given.take(part, _content, default="") for part in PARTS},
    }
    given.close()
    template = Template.objects.of(workspace).filter(slug=slug).first()
    if template is None:
        contents.create_template(workspace, slug=slug, by=by, **told)
    elif changes := {name: told[name] for name in told if told[name] != getattr(template, name)}:
        contents.save_draft(template, by=by, **changes)


def _list(workspace: Workspace, by: Actor, slug: str, given: Object) -> None:
    name = given.take("name", readers.text(MAX_LABEL))
    opt_in = given.take("opt_in", word(OptIn.values), default=OptIn.DOUBLE)
    given.close()
    if not List.objects.of(workspace).filter(slug=slug).exists():
        people.create_list(workspace, name=name, slug=slug, opt_in=opt_in, by=by)


def _tag(workspace: Workspace, by: Actor, slug: str, given: Object) -> None:
    name = given.take("name", readers.text(MAX_LABEL))
    given.close()
    if not Tag.objects.of(workspace).filter(slug=slug).exists():
        people.create_tag(workspace, name=name, slug=slug, by=by)


def _field(workspace: Workspace, by: Actor, key: str, given: Object) -> None:
    label = given.take("label", readers.text(MAX_LABEL))
    kind = given.take("kind", word(FieldKind.values))
    choices = given.take("choices", partial(reading.each, read=reading.text), default=())
    given.close()
    if not _KEY.fullmatch(key):
        raise fault("", "invalid", f"“{key}” is no key: write a-z, 0-9 and _.")
    if not CustomField.objects.of(workspace).filter(key=key).exists():
        people.create_field(workspace, key=key, label=label, kind=kind, choices=choices, by=by)


# What a sequence may need, in the order in which each needs the others.
NEEDED: Mapping[str, Callable[[Workspace, Actor, str, Object], None]] = {
    "fields": _field,
    "lists": _list,
    "tags": _tag,
    "templates": _template,
}


def _slug(value: Any, at: str) -> str:
    if isinstance(value, str) and len(value) <= MAX_SLUG and slug_re.fullmatch(value):
        return value
    raise fault(at, "invalid", f"“{value!s:.50}” is no slug: write a-z, 0-9 and hyphens.")


def _content(value: Any, at: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_CONTENT:
        raise fault(at, "invalid", "This must be text.")
    return value


def _anything(value: Any, at: str) -> Any:
    return value
