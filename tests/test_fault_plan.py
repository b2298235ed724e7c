"""What tests/faults/README.md says is proven by a test is, at least, tested."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_the_plan_names_tests_that_exist():
    named = NAMED.findall((ROOT / "tests/faults/README.md").read_text())
    missing = [
        f"{path}::{test}"
        for path, test in named
        if not re.search(rf"^def {test}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []
    assert len(named) > 50
