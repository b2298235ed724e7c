"""What the wires of a pump do, in a file beside it: after a kill it says what can have left.

A line before each body, and one for each result, in a file that is locked while its pump lives:

    812                                          the body of 812 is written next
    812     accepted   250   2.0.0   dot   queued     it was, and this is the answer

What has no line did not leave; of what has no answer nobody knows, and that is one message a
connection. A line outlives its process but not its host: after a reboot, on another host, or while
the pump may still live there is nothing to read, and whatever is marked is in doubt.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import cast
from uuid import UUID

from delivery.replies import Reply, Stage
from delivery.transports.smtp import Result, WireOutcome

STALE_SECONDS = 24 * 3600
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Answers = dict[int, Result | None]  # None: a body was written, or part of it, and nothing heard


class Journal:
    """One pump's. Where no file can be kept there is none, and more is in doubt after a kill."""

    def __init__(self, folder: Path, token: UUID) -> None:
        self._path = _path(folder, token)
        self._notes: list[str] = []
        self._file: int | None = None
        if not _BOOT_ID.exists():
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _forget_stale(folder)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._give_up()

    def announce(self, message_id: int) -> None:
        """Its body is written next. To be called before that, or it counts as not left."""
        if self._file is None:
            return
        lines = "".join((*self._notes, f"{message_id}\n")).encode("utf-8", "replace")
        self._notes.clear()
        try:
            if os.write(self._file, lines) == len(lines):
                return
        except OSError:
            pass
        self._give_up()

    def note(self, result: Result) -> None:
        """What came of it. Goes with the next announcement: at worst this one is in doubt."""
        if self._file is not None:
            reply = result.reply
            facts = (result.id, result.outcome, reply.code, reply.enhanced, reply.stage, reply.text)
            self._notes.append("\t".join(map(str, facts)).replace("\n", " ") + "\n")

    def close(self, *, settled: bool) -> None:
        """No wire writes any more; unless all is `settled` the reaper has to read it."""
        if self._file is not None:
            if settled:
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _give_up(self) -> None:
        """A journal with a gap would say that something did not leave: rather none at all.

        Raises OSError if its file cannot be removed: then nothing more may be written to a wire.
        """
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def read(folder: Path, token: UUID) -> Answers | None:
    """What the wires of a pump did of which nobody else can know; None if nothing can be trusted.

    That takes the lock of the file, so that its pump is dead, and the boot that it was written in.
    """
    try:
        with _path(folder, token).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    answers: Answers = {}
    for line in lines[:-1]:  # what has no end was not written before a body
        message_id, *rest = line.split("\t", 5)
        answers[int(message_id)] = _result(int(message_id), rest) if rest else None
    return answers


def forget(folder: Path, token: UUID) -> None:
    """All that it says is settled."""
    _path(folder, token).unlink(missing_ok=True)


def _result(message_id: int, facts: list[str]) -> Result:
    outcome, code, enhanced, stage, text = facts
    reply = Reply(int(code), enhanced, text, cast("Stage", stage))
    return Result(message_id, WireOutcome(outcome), reply)


def _path(folder: Path, token: UUID) -> Path:
    boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "no-boot"
    return folder / f"{boot}.{token}"


def _forget_stale(folder: Path) -> None:
    """Remove what nobody has come for: on a host that no reaper lives on."""
    for path in folder.iterdir():
        if path.stat().st_mtime < time.time() - STALE_SECONDS:
            path.unlink(missing_ok=True)
