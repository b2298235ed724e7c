"""Pages in the reader's language; the API in English."""

from __future__ import annotations

import gettext
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse

from accounts.tests.api import Api
from accounts.tests.backoffice import sign_in
from accounts.tests.factories import WorkspaceFactory

OURS, THEME = (Path(path) / "de" / "LC_MESSAGES" for path in settings.LOCALE_PATHS)
GERMAN = "de-AT,de;q=0.9,en;q=0.5"


@pytest.mark.django_db
def test_the_browser_says_in_which_language_and_the_menu_overrules_it():
    client = sign_in()
    home = reverse("admin:index")

    german = client.get(home, headers={"accept-language": GERMAN})
    client.post(reverse("set_language"), {"language": "en", "next": home})
    english = client.get(home, headers={"accept-language": GERMAN})

    assert [page.headers["Content-Language"] for page in (german, english)] == ["de", "en"]
    assert "Kampagnen" in german.content.decode()
    assert "Campaigns" not in german.content.decode()
    assert "Campaigns" in english.content.decode()


@pytest.mark.django_db
def test_the_api_speaks_english_whoever_asks():
    api = Api(WorkspaceFactory())
    api.client.defaults["HTTP_ACCEPT_LANGUAGE"] = GERMAN

    answer = api("POST", "/subscribers", {"first_name": "Ada"})

    assert answer.status_code == 400
    assert answer.json()["title"] == "The request is not valid."
    assert answer.json()["errors"] == [
        {"pointer": "/email", "code": "required", "detail": "This field is required."}
    ]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("xgettext"), reason="gettext is not installed")
def test_german_is_complete_and_compiled(tmp_path, settings):
    copy = tmp_path / "de" / "LC_MESSAGES"
    shutil.copytree(OURS, copy)
    settings.LOCALE_PATHS = [tmp_path]
    ignored = [".venv", "*/tests/*", "var", "benchmarks"]

    call_command("makemessages", locale=["de"], ignore_patterns=ignored, verbosity=0)

    for file in (copy / "django.po", THEME / "django.po"):
        for lack in ("--untranslated", "--only-fuzzy", "--only-obsolete"):
            argv = ["msgattrib", lack, str(file)]
            found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            assert found == "", f"{lack} of {file}: `make messages`, then translate"
    for file, compiled in ((copy, OURS), (THEME, THEME)):
        built = tmp_path / "built.mo"
        argv = ["msgfmt", "--check", str(file / "django.po"), "-o", str(built)]
        subprocess.run(argv, check=True)
        assert catalog(built) == catalog(compiled / "django.mo"), "compile: `make messages`"


def catalog(file: Path) -> dict[object, str]:
    with file.open("rb") as opened:
        held = dict(gettext.GNUTranslations(opened)._catalog)
    held.pop("", None)
    return held
