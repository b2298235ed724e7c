"""Who speaks of a tag or a field in a rule: what goes away must not be missed later, in silence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import BooleanField, F, Func, JSONField, Value

from accounts.models import Workspace
from emailseq.lib.errors import InUse

# Ways through JSON to what is compared with the name that is looked for.
ANYTHING, FIELD = "$.** ? (@ == $name)", "$.**.field ? (@ == $name)"


class Keeper(NamedTuple):
    """A column of rules; `owner` leads to what has a name, a workspace and an end."""

    model: str
    column: str
    owner: str = ""
    ended: tuple[str, Any] = ("state", "archived")


# Sequences live on a floor above: they are known here by name alone.
KEEPERS = (
    Keeper("subscribers.Segment", "rule", ended=("archived_at__isnull", False)),
    Keeper("sequences.Sequence", "entry_rule"),
    Keeper("sequences.Step", "settings", "sequence__"),
    Keeper("sequences.Trigger", "settings", "sequence__"),
    Keeper("sequences.Ending", "when", "sequence__"),
    Keeper("sequences.SequenceVersion", "document", "sequence__"),
)


def of(name: str, workspace: Workspace, *, path: str = ANYTHING) -> set[str]:
    """The names of the segments and sequences whose rules mention it."""
    return {one for keeper in KEEPERS for one in _names(keeper, workspace, name, path)}


def check_unused(used_by: Collection[str]) -> None:
    """Raise InUse, naming them, if there are any."""
    if used_by:
        listed = ", ".join(f"“{one}”" for one in sorted(used_by)[:5])
        raise InUse(f"It is still used by {listed}.", used_by=sorted(used_by))


def _names(keeper: Keeper, workspace: Workspace, name: str, path: str) -> list[str]:
    model: Any = apps.get_model(keeper.model)
    ended, value = keeper.ended
    kept = model.objects.filter(**{f"{keeper.owner}workspace": workspace})
    kept = kept.exclude(**{f"{keeper.owner}{ended}": value})
    mentioned = Func(
        F(keeper.column),
        Value(path),
        Value({"name": name}, JSONField()),
        function="jsonb_path_exists",
        output_field=BooleanField(),
    )
    names = kept.filter(mentioned).values_list(f"{keeper.owner}name", flat=True)
    return list(names.distinct())
