"""What the commands of sequences are told: a workspace, a sequence, files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.models import Workspace
from emailseq.lib.errors import AppError, Invalid
from sequences import documents
from sequences.models import Sequence

_SHORT = re.compile(r"(\d+)([dhm])")
_UNITS = {"d": "P{}D", "h": "PT{}H", "m": "PT{}M"}


def the_workspace(slug: str | None) -> Workspace:
    """The workspace of that slug; without one, the only one there is. Raises CommandError."""
    found = [each for each in Workspace.objects.order_by("slug") if slug in (None, each.slug)]
    if len(found) == 1:
        return found[0]
    if slug is None:
        raise CommandError("Say which --workspace is meant.", returncode=2)
    raise CommandError(f"There is no workspace “{slug}”.", returncode=2)


def the_sequence(slug: str, workspace_slug: str | None) -> Sequence:
    """The sequence of that slug; of that workspace, when several have one. Raises CommandError."""
    rows = Sequence.objects.filter(slug=slug).select_related("workspace", "list", "live_version")
    if workspace_slug:
        rows = rows.filter(workspace__slug=workspace_slug)
    found = list(rows[:2])
    if not found:
        raise CommandError(f"No sequence has the slug “{slug}”.", returncode=2)
    if len(found) > 1:
        raise CommandError("Several workspaces have one: say which with --workspace.", returncode=2)
    return found[0]


def read(path: Path) -> str:
    """The text of a file. Raises CommandError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.", returncode=2) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8.", returncode=2) from error


def document(path: Path) -> Any:
    """The value in a file of YAML or JSON. Raises CommandError."""
    with told(str(path)):
        return documents.load(read(path))


def duration(text: str) -> str:
    """`30d`, `12h`, `45m` in ISO 8601; what else there is may be that already, or an instant."""
    short = _SHORT.fullmatch(text)
    return _UNITS[short[2]].format(short[1]) if short else text


@contextmanager
def told(where: str) -> Iterator[None]:
    """Says what is wrong, fault by fault, as a CommandError."""
    try:
        yield
    except Invalid as error:
        faults = [f"  {each.pointer or '/'}: {each.detail}" for each in error.errors]
        raise CommandError("\n".join([f"{where}:", *faults]), returncode=2) from error
    except AppError as error:
        raise CommandError(f"{where}: {error.detail}", returncode=2) from error
