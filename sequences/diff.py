"""What a draft changes, against the version that is live: steps by their keys. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Changed:
    """A step that differs: `label` is where it stands now or, if it was removed, where it stood.

    `members`: which of what it is told is different, and how it was and is.
    """

    key: str
    kind: str
    label: str
    members: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Diff:
    added: tuple[Changed, ...] = ()
    removed: tuple[Changed, ...] = ()
    moved: tuple[Changed, ...] = ()
    changed: tuple[Changed, ...] = ()

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.moved, self.changed))


@dataclass(frozen=True)
class _Step:
    """A step of a document, without those in its arms; `row` says in which arm of what it is."""

    key: str
    kind: str
    label: str
    row: str
    members: Document


def labels(document: Document) -> dict[str, str]:
    """Where each step stands, as a person reads it, by its key."""
    return {each.key: each.label for each in _flat(document["steps"])}


def diff(old: Document, new: Document, *, new_content: Collection[str] = ()) -> Diff:
    """From one document of steps to another; `new_content`: emails whose template has changed."""
    before, after = ({each.key: each for each in _flat(doc["steps"])} for doc in (old, new))
    kept = [key for key in after if key in before]
    moved = _moved(before, after)
    return Diff(
        added=tuple(_changed(each) for key, each in after.items() if key not in before),
        removed=tuple(_changed(each) for key, each in before.items() if key not in after),
        moved=tuple(_changed(after[key]) for key in kept if key in moved),
        changed=tuple(
            _changed(after[key], members)
            for key in kept
            if (members := _members(before[key], after[key], key in new_content))
        ),
    )


def _flat(steps: Iterable[Document], label: str = "", row: str = "") -> Iterator[_Step]:
    for number, step in enumerate(steps, 1):
        own = f"{label}{number}"
        members = {name: value for name, value in step.items() if name not in ("key", "kind")}
        arms = members.get("arms", ())
        if "arms" in members:
            members["arms"] = [{n: v for n, v in arm.items() if n != "steps"} for arm in arms]
        yield _Step(step["key"], step["kind"], own, row, members)
        for arm in arms:
            name = arm.get("name") or arm["key"]
            yield from _flat(arm["steps"], f"{own} › {name} › ", f"{step['key']}/{arm['key']}")


def _changed(step: _Step, members: Mapping[str, tuple[Any, Any]] | None = None) -> Changed:
    return Changed(step.key, step.kind, step.label, members or {})


def _members(old: _Step, new: _Step, content: bool) -> dict[str, tuple[Any, Any]]:
    names = [*new.members, *(name for name in old.members if name not in new.members)]
    different = {
        name: (old.members.get(name), new.members.get(name))
        for name in names
        if old.members.get(name) != new.members.get(name)
    }
    return different | ({"content": (None, None)} if content else {})


def _moved(before: Mapping[str, _Step], after: Mapping[str, _Step]) -> set[str]:
    """The steps that stand in another arm, or cannot have kept their order among the others."""
    rows: dict[str, list[str]] = {}
    for key, step in after.items():
        if key in before and before[key].row == step.row:
            rows.setdefault(step.row, []).append(key)
    ranks = {key: rank for rank, key in enumerate(before)}
    still = {key for row in rows.values() for key in _rising(row, ranks)}
    return {key for key in after if key in before} - still


def _rising(row: list[str], ranks: Mapping[str, int]) -> list[str]:
    """A longest part of the row that is still in its old order."""
    tails: list[int] = []  # the lowest rank in which a rising part of each length can end
    ends: list[list[str]] = []
    for key in row:
        length = bisect_left(tails, ranks[key])
        found = [*(ends[length - 1] if length else ()), key]
        tails[length : length + 1], ends[length : length + 1] = [ranks[key]], [found]
    return ends[-1] if ends else []
