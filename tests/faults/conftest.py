"""`make faults SIZE=… F=… N=… SEED=…`: which experiments run, how large, and what they report."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.faults import rig as rigs
from tests.faults import servers

GROUPS = {"ci": {"ci"}, "nightly": {"ci", "nightly"}, "full": {"ci", "nightly", "full"}}
SIZES = {"ci": 500, "nightly": 5000, "full": 5000}
_NUMBER = re.compile(r"test_f(\d+)_")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the chosen number, or else the chosen groups; both come from the environment."""
    ours = [item for item in items if item.get_closest_marker("faults")]
    chosen = [item for item in ours if _is_chosen(item)]
    left_out = [item for item in ours if item not in chosen]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_chosen(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("faults")
    assert marker is not None
    group = marker.kwargs.get("group", "ci")
    if wanted := os.environ.get("F"):
        number = _NUMBER.match(item.name)
        return bool(number) and int(number[1]) == int(wanted)
    return group in GROUPS[os.environ.get("SIZE") or "ci"]


@dataclass
class Lab:
    """Where an experiment gets its rig, its size and its dice, and leaves its one line."""

    folder: Path
    servers: servers.Servers
    name: str
    capsys: Any
    seed: int = 20261124
    line: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.reseed(int(os.environ.get("SEED") or self.seed))

    def reseed(self, seed: int) -> None:
        self.seed, self.chance = seed, random.Random(seed)

    @property
    def at_full_size(self) -> bool:
        return os.environ.get("SIZE") == "full"

    def size(self, **sizes: int) -> int:
        """How many people: N, or what this experiment says for the SIZE, or what is usual."""
        size = os.environ.get("SIZE") or "ci"
        return int(os.environ.get("N") or 0) or sizes.get(size, SIZES[size])

    @contextmanager
    def rig(self, **options: Any):
        with rigs.running(
            self.folder / f"rig-{time.monotonic_ns()}", self.servers, **options
        ) as rig:
            yield rig

    def note(self, **facts: Any) -> None:
        """For the experiment's line; what is said before an assertion is there when that fails."""
        self.line |= facts

    def report(self) -> None:
        found = _NUMBER.match(self.name)
        line = {
            "fault": f"F{int(found[1])}" if found else self.name.removeprefix("test_"),
            "seed": self.seed,
            "version": _version(),
            "at": int(time.time()),
            **self.line,
            "seconds": round(time.monotonic() - self.began, 1),
        }
        text = json.dumps(line)
        with (settings.DATA_DIR / "faults.jsonl").open("a") as kept:
            kept.write(f"{text}\n")
        with self.capsys.disabled():
            print(f"\n{text}")  # noqa: T201


@pytest.fixture(scope="session")
def fault_servers(tmp_path_factory, django_db_blocker):
    folder = tmp_path_factory.mktemp("servers")
    for passage in (folder, folder.parent):
        passage.chmod(0o711)  # root's servers run as somebody else
    with django_db_blocker.unblock(), servers.running(folder) as running:
        yield running


@pytest.fixture
def lab(fault_servers, tmp_path, capsys, request, django_db_blocker):
    with django_db_blocker.unblock():
        lab = Lab(tmp_path, fault_servers, request.node.name, capsys)
        yield lab
        lab.report()


def _version() -> str:
    commit = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(commit, capture_output=True, text=True, check=False).stdout.strip()
