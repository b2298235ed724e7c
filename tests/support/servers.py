"""An early pytest plugin: PostgreSQL and Valkey run before pytest-django reads the settings.

Only the controller starts them; xdist workers inherit its environment, take Valkey databases of
their own, and leave the servers alone.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

from emailseq import embedded
from emailseq.env import DATABASES

MEMORY = Path("/dev/shm")


def start() -> None:
    """Until this process ends, however it ends."""
    running = contextlib.ExitStack()
    atexit.register(running.close)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `timeout` ends us like Ctrl-C
    data = Path(tempfile.mkdtemp(prefix="emailseq-tests-", dir=memory()))
    data.chmod(0o711)  # root's servers run as somebody else and pass through here
    os.environ.update(running.enter_context(embedded.servers(data, durable=False)))


def memory() -> Path | None:
    """Where memory is plenty, PostgreSQL makes and truncates its files there in half the time."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 * 2**30:
        return MEMORY
    return None


def take_own_databases(worker: str) -> None:
    """Worker gwN uses Valkey databases 3N to 3N+2."""
    number = int(worker.removeprefix("gw"))
    os.environ["EMAILSEQ_REDIS_DB_BASE"] = str(len(DATABASES) * number)


if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    take_own_databases(worker)
else:
    start()
