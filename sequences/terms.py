"""What a run depends on besides its program, as the pure modules have it."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

from accounts.models import Workspace
from emailseq.lib import localtime
from emailseq.lib.localtime import Window
from sequences import conditions
from sequences.models import Sequence
from sequences.simulator import Ending, Terms

_UTC = ZoneInfo("UTC")


def terms_of(sequence: Sequence) -> Terms:
    """The terms of a sequence as it is set up now. Raises NeverOpen for a window without days."""
    workspace = sequence.workspace
    return Terms(
        source=sequence.public_id,
        list=sequence.list.public_id if sequence.list else "",
        windows=windows_of(sequence),
        endings=tuple(
            Ending(each.kind, each.name, conditions.parse(each.when))
            for each in sequence.endings.all()
        ),
        zone=zone_of(workspace),
        workspace_id=workspace.pk,
    )


def windows_of(sequence: Sequence) -> tuple[Window, ...]:
    """When its messages may leave; none: at any time."""
    if not (window := sequence.window):
        return ()
    opens, closes = (time.fromisoformat(window[name]) for name in ("opens", "closes"))
    own = window["zone"] == "workspace"
    zone = sequence.workspace.time_zone if own else ""
    return (Window(opens, closes, frozenset(window["weekdays"]), zone),)


def zone_of(workspace: Workspace) -> ZoneInfo:
    return localtime.zone_or(workspace.time_zone, _UTC)[0]
