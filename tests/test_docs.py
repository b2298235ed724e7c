"""The documents say what the code says: no setting, command or link is missing or left over."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent
IGNORED = {".venv", ".git", "var", "node_modules", ".pytest_cache", ".hypothesis"}
FOLDERS = [path for path in ROOT.iterdir() if path.name not in IGNORED]
FILES = sorted(path for folder in FOLDERS for path in (folder, *folder.rglob("*.*")))
DOCUMENTS = [path for path in FILES if path.suffix == ".md"]
READERS = ["emailseq/settings.py", "emailseq/env.py", *sorted(ROOT.glob("emailseq/embedded/*.py"))]
READ = re.compile(
    r"""(?:env\.(?:str|bool|int|float|list)|secret|ring|mechanisms|name_servers|require|read|redis_url|environ\.get)\(\s*"([A-Z_]+)\""""
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (\w+)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text(path: str | Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def prose(path: Path) -> str:
    return FENCE.sub("", text(path))


def anchors(path: Path) -> set[str]:
    """The fragments that a forge makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_setting_is_documented_and_no_other():
    read = {name for path in READERS for name in READ.findall(text(path))}

    documented = set(re.findall(r"^\| (.+?) \|", text("docs/settings.md"), re.MULTILINE))
    names = {name for cell in documented for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert names == read
    assert len(read) > 20


def test_every_command_is_documented_and_no_other():
    modules = ROOT.glob("*/management/commands/*.py")
    commands = {path.stem for path in modules if not path.stem.startswith("_")}

    assert set(re.findall(r"^## (\w+)$", text("docs/commands.md"), re.MULTILINE)) == commands


def test_every_option_of_a_command_is_documented():
    sections = dict(SECTION.findall(text("docs/commands.md")))

    for path in ROOT.glob("*/management/commands/[a-z]*.py"):
        for option in re.findall(r'add_argument\(\s*"(--[a-z-]+)"', text(path)):
            assert f"`{option}" in sections[path.stem], f"{path.stem} {option}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    for target in LINK.findall(prose(document)):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, fragment = unquote(target).partition("#")
        path = (document.parent / file).resolve() if file else document
        assert path.exists(), target
        if fragment:
            assert fragment in anchors(path), target


def test_every_file_that_engineers_are_sent_to_exists():
    pages = [
        ROOT / "ARCHITECTURE.md",
        ROOT / "docs/operators/reliability.md",
        *ROOT.glob("docs/adr/0*.md"),
    ]

    for page in pages:
        for name in re.findall(r"[\w/]+\.(?:py|sql)\b", text(page)):
            tail = f"/{name.lstrip('/')}"
            assert any(str(file).endswith(tail) for file in FILES), f"{page.name}: {name}"


def test_the_decisions_are_all_listed_and_numbered_in_order():
    pages = sorted(path.name for path in ROOT.glob("docs/adr/0*.md"))

    assert LINK.findall(text("docs/adr/README.md")) == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    for name in pages:
        assert text(f"docs/adr/{name}").startswith(f"# {int(name[:4])}. "), name


def test_the_readme_is_short():
    assert len(text("README.md").splitlines()) <= 150
