"""A `quickstart` of its own, with its 200 people, as somebody at a shell has it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 240  # on a busy machine; on an idle one it takes 40
STOP_SECONDS = 60


@dataclass
class Product:
    """Where it answers, who is signed in, and a shell beside it."""

    url: str
    login_link: str  # works once
    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, code: int | None = 0, stdin: str = "") -> str:
        """What `manage.py COMMAND …` prints. It must end with `code`, unless that is None."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if code is not None and done.returncode != code:
            raise AssertionError(f"{command} → {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def api_key(self, *scopes: str) -> str:
        made = self.run("create_api_key", "--name", "e2e", "--scopes", ",".join(scopes), "--json")
        return str(json.loads(made)["key"])

    def api(self, *scopes: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.api_key(*scopes)}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=20)

    def mails(self, address: str, *, of: Collection[str] = ()) -> list[EmailMessage]:
        """What the inbox has caught for somebody, oldest first; only `of` these subjects."""
        caught = sorted((self.folder / "inbox").glob("*.eml"), key=lambda each: int(each.stem))
        read = (message_from_bytes(each.read_bytes(), policy=policy.default) for each in caught)
        theirs = [mail for mail in read if mail["To"].addresses[0].addr_spec == address]
        return [mail for mail in theirs if not of or mail["Subject"] in of]

    def wait_for_mails(
        self, address: str, count: int, *, of: Collection[str] = (), seconds: float = 60
    ) -> list[EmailMessage]:
        deadline = time.monotonic() + seconds
        while len(mails := self.mails(address, of=of)) < count:
            assert time.monotonic() < deadline, [str(mail["Subject"]) for mail in mails]
            time.sleep(0.5)
        return mails


@contextmanager
def quickstart(folder: Path) -> Iterator[Product]:
    """The product, from a directory with nothing in it until Ctrl-C."""
    environment = {
        **os.environ,
        "EMAILSEQ_DATA_DIR": str(folder),
        "COLUMNS": "200",
        **dict.fromkeys(("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "EMAILSEQ_REDIS_DB_BASE"), ""),
    }
    output = folder / "quickstart.log"
    with output.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "quickstart"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        link = _login_link(process, output)
        yield Product(link.partition("/login/")[0], link, folder, environment)
    finally:
        process.terminate()  # like Ctrl-C, which a job in a shell's background ignores
        process.wait(STOP_SECONDS)


def _login_link(process: subprocess.Popen[bytes], output: Path) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if found := re.search(r"http://\S+/login/\S+/(?=\s)", output.read_text()):
            return found[0]
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError(f"quickstart did not come up:\n{output.read_text()}")
