"""The processes of the product as children of one: started together, stopped in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from emailseq.embedded.place import dies_with_us

GRACE_SECONDS = 30
PYTHON = sys.executable
_CELERY = ("celery", "-A", "emailseq", "--quiet")
WORKER = (*_CELERY, "worker", "-O", "fair", "-Q", "tick,webhook", "-c", "2")
SENDER = (*_CELERY, "worker", "-Q", "send", "-P", "solo", "-n", "sender@%h")
BEAT = (*_CELERY, "beat", "-S", "celery.beat.Scheduler")


class ChildDied(Exception):
    """A process ended that should not have; the text holds its last lines."""


class Children:
    """Named child processes, each with a log file of its own."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs, self._environment = logs, {**os.environ, **environment}
        self.running: dict[str, subprocess.Popen[bytes]] = {}  # each the leader of its own session

    def start(self, name: str, *argv: str) -> None:
        with (self._logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own commands
                [PYTHON, "-m", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for the parent, which stops them in order
                preexec_fn=dies_with_us(signal.SIGTERM),
            )

    def check(self) -> None:
        """Raise ChildDied when one has ended."""
        for name, child in self.running.items():
            if child.poll() is not None:
                lines = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()
                raise ChildDied("\n".join([f"{name} ended ({child.returncode}):", *lines[-15:]]))

    def stop(self) -> None:
        """End them, the last one started first, each with time to finish what it has in hand."""
        for child in reversed(self.running.values()):
            child.send_signal(signal.SIGTERM)
        for child in reversed(self.running.values()):
            try:
                child.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.running.clear()


@contextmanager
def product(
    *, logs: Path, inbox: Path, web_port: int, inbox_port: int, host: str = "127.0.0.1"
) -> Iterator[Children]:
    """The sink, the web server, a worker, a sender and beat, for the duration of the block."""
    url = f"http://{host}:{web_port}"
    children = Children(
        logs,
        {
            "EMAIL_URL": "inbox://",
            "SITE_URL": url,
            "TRACKING_URL": url,
            "ALLOWED_HOSTS": f"{host},127.0.0.1,localhost",
            "EMAILSEQ_INBOX_PORT": str(inbox_port),
            # Whoever tries the product listens on this machine, too.
            "WEBHOOK_ALLOW_PRIVATE": os.environ.get("WEBHOOK_ALLOW_PRIVATE", "1"),
        },
    )
    try:
        inbox.mkdir(parents=True, exist_ok=True)
        children.start(
            "inbox",
            *("delivery.sink", "--port", str(inbox_port)),
            *("--journal", str(inbox / "journal.jsonl"), "--keep", str(inbox)),
        )
        children.start(
            "web",
            *("gunicorn", "emailseq.wsgi", "--bind", f"{host}:{web_port}"),
            *("-k", "gthread", "--threads", "8", "--no-control-socket"),
        )
        children.start("worker", *WORKER)
        children.start("sender", *SENDER)
        children.start("beat", *BEAT)
        yield children
    finally:
        children.stop()


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"No port is free from {first} on.")
