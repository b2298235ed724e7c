"""What rules name, found: slugs become public ids, and whoever mistypes hears what they meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import Q, QuerySet

from accounts.models import Workspace
from emailseq.lib import ids
from emailseq.lib.errors import Invalid, Problem
from subscribers.models import CustomField, EventName
from subscribers.segments import rules
from subscribers.segments.comparisons import Comparison, is_of_days
from subscribers.segments.evaluate import fold
from subscribers.segments.reading import hint
from subscribers.segments.rules import CUSTOM, Field, Happened, Reference, Rule
from subscribers.states import FieldKind

# Sequences and campaigns live on floors above: they are known here by name alone.
MODELS = {
    "tag": "subscribers.Tag",
    "list": "subscribers.List",
    "segment": "subscribers.Segment",
    "sequence": "sequences.Sequence",
    "campaign": "campaigns.Campaign",
}
BUILT_IN = {
    "email": FieldKind.TEXT,
    "first_name": FieldKind.TEXT,
    "last_name": FieldKind.TEXT,
    "time_zone": FieldKind.TEXT,
    "created_at": FieldKind.DATETIME,
    "engagement": FieldKind.NUMBER,
}
COMPARED_LIKE = {FieldKind.DATETIME.value: FieldKind.DATE, FieldKind.CHOICE.value: FieldKind.TEXT}
_SLUG = re.compile(r"[-a-zA-Z0-9_]+")


class Named(NamedTuple):
    """Something that rules may name."""

    pk: int
    public_id: str
    slug: str  # the public id, where its kind has no slugs
    name: str


Found = Mapping[tuple[str, str], Named]  # by noun and the name that the rule has for it


def resolve(data: Any, workspace: Workspace, *, at: str = "") -> Rule:
    """The rule in `data` as it is stored: everything is there, and named by its public id.

    Raises Invalid with the pointer (below `at`) of every fault, and what was probably meant.
    """
    rule = rules.parse(data, at=at)
    found = find([rule], workspace)
    problems = [
        *_missing(rule, found, workspace, at),
        *_misused_fields(rule, workspace, at),
    ]
    if problems:
        raise Invalid(problems)
    return rules.renamed(rule, {key: one.public_id for key, one in found.items()})


def exported(rule: Rule, workspace: Workspace) -> Rule:
    """The rule with slugs in the place of public ids: for people, and for other workspaces."""
    return rules.renamed(rule, {key: one.slug for key, one in find([rule], workspace).items()})


def find(wanted: Iterable[Rule], workspace: Workspace) -> Found:
    """What the rules name and the workspace has: a query for each kind of thing."""
    names: dict[str, set[str]] = {}
    for rule in wanted:
        for noun, ref, _ in rules.references(rule):
            names.setdefault(noun, set()).add(ref)
    return {
        (noun, name): row
        for noun, refs in names.items()
        for row in _rows(noun, workspace, refs)
        for name in (row.public_id, row.slug)
        if name in refs
    }


def warnings(rule: Rule, workspace: Workspace, *, at: str = "") -> list[Problem]:
    """What is odd about a rule but may be meant: events that nobody has told of so far."""
    named = {
        f"{pointer}/event": condition.name
        for pointer, condition in rules.conditions(rule, at)
        if isinstance(condition, Happened) and condition.kind == CUSTOM
    }
    if not named:
        return []
    known = set(EventName.objects.of(workspace).values_list("name", flat=True))
    return [
        Problem(pointer, "unknown_event", f"No event “{name}” has come so far.{hint(name, known)}")
        for pointer, name in named.items()
        if name not in known
    ]


def _rows(noun: str, workspace: Workspace, refs: Iterable[str]) -> list[Named]:
    rows = _all(noun, workspace)
    model: Any = rows.model
    uids = [uid for ref in refs if (uid := ids.decode(model.prefix, ref))]
    wanted = Q(uid__in=uids)
    if has_slug := hasattr(model, "slug"):
        wanted |= Q(slug__in=[ref for ref in refs if _SLUG.fullmatch(ref)])
    return [
        Named(pk, public_id := ids.encode(model.prefix, uid), slug or public_id, name)
        for pk, uid, name, slug in rows.filter(wanted).values_list(
            "pk", "uid", "name", "slug" if has_slug else "name"
        )
    ]


def _missing(rule: Rule, found: Found, workspace: Workspace, at: str) -> list[Problem]:
    missing = [one for one in rules.references(rule, at) if (one.noun, one.ref) not in found]
    known = {noun: _known(noun, workspace) for noun in {one.noun for one in missing}}
    return [Problem(one.pointer, "not_found", _not_found(one, known[one.noun])) for one in missing]


def _known(noun: str, workspace: Workspace) -> list[str]:
    rows = _all(noun, workspace)
    return list(rows.values_list("slug", flat=True)[:1000]) if hasattr(rows.model, "slug") else []


def _all(noun: str, workspace: Workspace) -> QuerySet[Any]:
    """Everything of a kind; an archived segment is no more, for nobody looks up its members."""
    model: Any = apps.get_model(MODELS[noun])
    rows: QuerySet[Any] = model.objects.of(workspace)
    return rows.filter(archived_at=None) if noun == "segment" else rows


def _not_found(reference: Reference, known: list[str]) -> str:
    return f"There is no {reference.noun} “{reference.ref:.50}”.{hint(reference.ref, known)}"


def _misused_fields(rule: Rule, workspace: Workspace, at: str) -> list[Problem]:
    """Fields that do not exist, and comparisons that no value of the field can meet."""
    used = [
        (pointer, condition)
        for pointer, condition in rules.conditions(rule, at)
        if isinstance(condition, Field)
    ]
    if not used:
        return []
    declared = CustomField.objects.of(workspace).values_list("key", "kind", "choices")
    fields = {key: (kind, choices) for key, kind, choices in declared}
    fields |= {name: (kind, []) for name, kind in BUILT_IN.items()}
    return [
        problem for pointer, condition in used if (problem := _misuse(condition, fields, pointer))
    ]


def _misuse(
    condition: Field, fields: Mapping[str, tuple[str, list[str]]], at: str
) -> Problem | None:
    name, comparison = condition.name, condition.comparison
    if name not in fields:
        said = f"There is no field “{name:.50}”.{hint(name, fields)}"
        return Problem(f"{at}/field", "not_found", said)
    kind, choices = fields[name]
    compared = _compared(comparison)
    if compared not in (None, COMPARED_LIKE.get(kind, kind)):
        said = f"“{name}” is a {kind}: it cannot be compared like a {compared}."
        return Problem(f"{at}/op", "field_type", said)
    if kind == FieldKind.CHOICE and comparison.op in ("is", "is_not", "in", "not_in"):
        return _no_choice(comparison.value, choices, f"{at}/value")
    return None


def _no_choice(wanted: Any, choices: list[str], at: str) -> Problem | None:
    known = set(map(fold, choices))
    for one in wanted if isinstance(wanted, tuple) else (wanted,):
        if fold(one) not in known:
            said = f"There is no choice “{one:.50}”.{hint(one, choices)}"
            return Problem(at, "not_found", said)
    return None


def _compared(comparison: Comparison) -> str | None:
    """The kind of field that a comparison can match; None: any."""
    if is_of_days(comparison):
        return FieldKind.DATE
    value: Any = comparison.value
    sample = value[0] if isinstance(value, tuple) else value
    if isinstance(sample, bool):
        return FieldKind.BOOLEAN
    if isinstance(sample, int | float):
        return FieldKind.NUMBER
    return FieldKind.TEXT if isinstance(sample, str) else None
