"""The whole database in one file, and back, by PostgreSQL's own programs.

A dump is of one instant, whatever is written meanwhile. It is whole or it is not there: the file
gets its name when it is complete, and a database is filled in one transaction.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import quote, urlsplit

from django.db import connection

from emailseq import env
from emailseq.embedded import LauncherError, postgres


class DumpError(Exception):
    """Nothing was written, or nothing was filled; the text says why."""


def write(file: Path) -> int:
    """Dump the database into a new file that only its owner may read; its bytes. DumpError."""
    if file.exists():
        raise DumpError(f"{file} exists already.")
    part = file.with_name(f".{file.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _run("pg_dump", "--format=custom", f"--file={part}", _url())
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(file)
    except OSError as error:
        raise DumpError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def read(file: Path) -> int:
    """Fill the empty database from a dump; its number of tables.

    What is restored is fenced by itself (delivery/services/stops.py), whoever restores it.
    Raises DumpError when the database holds tables, or the file is none of ours.
    """
    if not file.is_file():
        raise DumpError(f"There is no file {file}.")
    if held := len(connection.introspection.table_names()):
        raise DumpError(
            f"The database holds {held} tables already. Restore into an empty one: create it and "
            "let DATABASE_URL name it, or move the folder `postgres` of the data directory away."
        )
    connection.close()
    _run("pg_restore", "--single-transaction", "--no-owner", f"--dbname={_url()}", str(file))
    return len(connection.introspection.table_names())


def _url() -> str:
    """Of the database that Django uses, which in tests is not that of DATABASE_URL."""
    name = quote(str(connection.settings_dict["NAME"]))
    return urlsplit(env.require("DATABASE_URL"))._replace(path=f"/{name}").geturl()


def _run(program: str, *arguments: str) -> None:
    try:
        argv = [str(postgres.client(program)), *arguments]
        done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
    except LauncherError as error:
        raise DumpError(str(error)) from error
    if done.returncode:
        raise DumpError(done.stderr.strip().splitlines()[0] if done.stderr else f"{program} failed")
