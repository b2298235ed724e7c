from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from templates_app import rendering, services, versions
from templates_app.models import Template, Translation
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

FOOT = '<a href="{{ links.unsubscribe }}">x</a>{{ workspace.postal_address }}'
TIDES, BOATS, WIND = (f"https://harbour.org/{name}" for name in ("tides", "boats", "wind"))


def page(*links: str) -> str:
    return "".join(f'<a href="{link}">x</a>' for link in links) + FOOT


@pytest.fixture
def template():
    return TemplateFactory(slug="welcome", subject="Hello", html=page(TIDES, BOATS, TIDES))


@pytest.fixture
def api(template):
    return Api(template.workspace)


def put(api, language, html=FOOT, *, match="*", subject="Hallo"):
    body = {"subject": subject, "html": html}
    return api("PUT", f"/templates/welcome/translations/{language}", body, match=match)


def test_a_language_is_written_read_and_removed(api, template):
    made = put(api, "de", match='"r1"')

    assert (made.status_code, made.headers["ETag"]) == (200, '"r2"')
    listed = api("GET", "/templates/welcome/translations").json()["data"]
    assert [(row["language"], row["subject"], row["html"]) for row in listed] == [
        ("de", "Hallo", FOOT)
    ]
    assert put(api, "de", match='"r1"').status_code == 412
    assert put(api, "de", subject="Moin", match='"r2"').json()["subject"] == "Moin"
    assert Translation.objects.count() == 1
    assert api("DELETE", "/templates/welcome/translations/de", match='"r3"').status_code == 204
    assert api("GET", "/templates/welcome/translations/de").status_code == 404


def test_what_cannot_be_said_is_refused(api):
    answers = [put(api, "deutsch"), put(api, "de", "{{ subscriber.frist_name }}")]

    assert [
        [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]
        for answer in answers
    ] == [[("/language", "invalid")], [("/html", "unknown_field")]]
    assert not Translation.objects.exists()


def test_all_languages_are_published_together_or_not_at_all(api, template):
    put(api, "de", page(BOATS, WIND))
    put(api, "pt-BR", "<p>no way out</p>")

    answer = api("POST", "/templates/welcome/publish", match="*")

    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("/translations/pt-BR/html", "unsubscribe_missing"),
        ("/translations/pt-BR/html", "address_missing"),
    ]
    put(api, "pt-BR", page(TIDES, WIND, WIND))
    assert api("POST", "/templates/welcome/publish", match="*").json()["version"] == 1
    assert api("POST", "/templates/welcome/publish", match="*").json()["version"] == 1
    version = Template.objects.get().published_version
    assert version.links == [TIDES, BOATS, TIDES, WIND, WIND]  # each address once per language
    put(api, "de", page(BOATS), subject="Moin")
    assert api("POST", "/templates/welcome/publish", match="*").json()["version"] == 2


@pytest.mark.parametrize(
    ("language", "subject", "targets"),
    [
        ("", "Hello", [TIDES, BOATS, TIDES]),
        ("en", "Hello", [TIDES, BOATS, TIDES]),
        ("de", "Hallo", [BOATS, WIND]),
        ("DE", "Hallo", [BOATS, WIND]),
        ("de-AT", "Hallo", [BOATS, WIND]),
        ("pt-BR", "Olá", [WIND]),
        ("pt", "Hello", [TIDES, BOATS, TIDES]),
    ],
)
def test_everybody_reads_their_language_or_what_there_is(language, subject, targets):
    template = TemplateFactory(subject="Hello", html=page(TIDES, BOATS, TIDES))
    for tag, own, links in (("de", "Hallo", (BOATS, WIND)), ("pt-BR", "Olá", (WIND,))):
        services.put_translation(template, language=tag, subject=own, html=page(*links), by=SYSTEM)
    version = services.publish(template, by=SYSTEM)
    whole = versions.compiled([version.pk])[version.pk]
    context = {"subscriber": {}, "workspace": {"postal_address": "Pier"}}

    shown = rendering.preview(whole.spoken_to(language), context)

    assert shown.subject == subject
    assert shown.html.count("harbour.org") == len(targets)
    assert all(shown.html.count(target) == targets.count(target) for target in targets)
    assert len(whole.spoken_to(language).links) == len(version.links) == 4


def test_a_stranger_sees_no_language(template):
    put(Api(template.workspace), "de")

    strange = Api(WorkspaceFactory())

    assert strange("GET", "/templates/welcome/translations").status_code == 404
    assert put(strange, "fr").status_code == 404
