from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.models import Workspace
from sequences import documents
from sequences.models import Sequence

pytestmark = pytest.mark.django_db
RECIPES = sorted((Path(__file__).parent.parent / "recipes").glob("*.yaml"))


def test_there_are_six():
    assert [path.stem for path in RECIPES] == [
        *("abandoned-cart", "birthday", "re-permission", "trial", "welcome", "win-back")
    ]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_each_does_what_its_own_tests_say(path):
    out = StringIO()

    with pytest.raises(SystemExit) as end:
        call_command("test_sequence", path, stdout=out)

    assert end.value.code == 0, out.getvalue()
    tests = documents.load(path.read_text())["tests"]
    assert f"{len(tests)} tests, 0 failed" in out.getvalue()
    assert len(tests) >= 2
    assert not Sequence.objects.exists()
    assert not Workspace.objects.exists()
