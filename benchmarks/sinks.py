"""Where benchmarks send to, and Debian's `smtp-sink` and `smtp-source` where they can be had.

Installed with postfix, or unpacked without installing it, which is all that a benchmark needs:

    apt-get download postfix && dpkg -x postfix_*.deb DIR        (then: --postfix DIR)
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from emailseq.embedded.place import dies_with_us

PATIENCE_SECONDS = 10


class Postfix(NamedTuple):
    """Its two tools for tests, and what they need to run."""

    sink: str
    source: str
    environment: Mapping[str, str]

    @classmethod
    def find(cls, root: Path | None) -> Postfix | None:
        """Unpacked at `root`, or installed; None if it is neither."""
        root = root or Path("/")
        sbin = str(root / "usr/sbin")
        sink, source = (shutil.which(f"smtp-{name}", path=sbin) for name in ("sink", "source"))
        libraries = {"LD_LIBRARY_PATH": str(root / "usr/lib/postfix")}
        return cls(sink, source, libraries) if sink and source else None


class Sink(NamedTuple):
    """A server of its own process, on loopback, that takes everything."""

    process: subprocess.Popen[str]
    port: int

    @property
    def cpu_seconds(self) -> float:
        """What it has used so far, as far as the system tells."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def keeping(journals: Iterable[Path]) -> Iterator[Sequence[Sink]]:
    """Sinks of ours, one per journal of what arrives."""
    commands: list[list[str | Path]] = [
        [sys.executable, "-m", "delivery.sink", "--journal", path] for path in journals
    ]
    processes = [_start(command) for command in commands]
    with _ending(processes):
        yield [Sink(process, _told(process)) for process in processes]


@contextmanager
def forgetting(postfix: Postfix, count: int) -> Iterator[Sequence[Sink]]:
    """So many of Postfix's, which cost little and remember nothing."""
    ports = [_free_port() for _ in range(count)]
    processes = [
        _start([postfix.sink, "-u", _user(), f"127.0.0.1:{port}", "1000"], postfix.environment)
        for port in ports
    ]
    with _ending(processes):
        sinks = [Sink(*each) for each in zip(processes, ports, strict=True)]
        for sink in sinks:
            _wait_for(sink)
        yield sinks


def _start(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        text=True,
        preexec_fn=dies_with_us(signal.SIGKILL),
    )


@contextmanager
def _ending(processes: Iterable[subprocess.Popen[str]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.communicate()


def _told(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int(process.stdout.readline().rpartition(":")[2])


def _wait_for(sink: Sink) -> None:
    """Until it listens. One that cannot have its port ends: nobody else's sink is measured."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and sink.process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", sink.port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"smtp-sink does not listen on port {sink.port}.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user() -> str:
    """Who it runs as: started by root, it insists on an answer."""
    return "nobody" if os.geteuid() == 0 else str(os.environ.get("USER", ""))
