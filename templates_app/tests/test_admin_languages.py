"""The pages of a template beside its draft: languages and versions."""

from __future__ import annotations

from copy import deepcopy

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import sign_in
from emailseq.lib.errors import Invalid
from templates_app import services
from templates_app.models import Template, Translation
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

DOCUMENT = {
    "v": 1,
    "preheader": "Boats!",
    "theme": {},
    "blocks": [
        {"id": "a", "kind": "heading", "text": "The tides", "align": "center"},
        {"id": "b", "kind": "list", "items": ["Ebb", "Flood"]},
        {"id": "c", "kind": "button", "text": "Read on", "href": "https://harbour.org/tides"},
        {"id": "z", "kind": "footer", "text": "{{ workspace.postal_address }}"},
    ],
}
GERMAN = {
    "subject": "Gezeiten",
    "preheader": "Boote!",
    "a.text": "Die Gezeiten",
    "b.items": "Ebbe\nFlut",
    "c.text": "Weiter",
    "c.href": "https://harbour.org/de",
    "z.text": "{{ workspace.postal_address }}",
    "z.unsubscribe": "Abmelden",
}


@pytest.fixture
def client():
    return sign_in()


@pytest.fixture
def template(client):
    return TemplateFactory(
        workspace=client.workspace, subject="Tides", mode="blocks", document=DOCUMENT, html=""
    )


def url(page: str, template: Template, *rest: object) -> str:
    return reverse(f"admin:templates_app_template_{page}", args=[template.pk, *rest])


def write(client, template, language="de", **given):
    template.refresh_from_db()
    fields = {**GERMAN, "revision": template.revision, **given}
    return client.post(url("language", template, language), fields)


def test_a_language_begins_with_the_texts_of_the_draft_and_takes_its_shape(client, template):
    begun = client.get(url("languages", template), {"language": "de"})
    page = client.get(begun.headers["Location"]).content.decode()

    assert begun.headers["Location"] == url("language", template, "de")
    assert 'value="The tides"' in page
    assert not Translation.objects.exists()  # looking keeps nothing

    assert write(client, template).status_code == 302
    wanted = deepcopy(DOCUMENT["blocks"])
    wanted[0]["text"], wanted[1]["items"] = "Die Gezeiten", ["Ebbe", "Flut"]
    wanted[2] |= {"text": "Weiter", "href": "https://harbour.org/de"}
    wanted[3]["unsubscribe"] = "Abmelden"
    german = Translation.objects.get()
    assert (german.subject, german.document["preheader"]) == ("Gezeiten", "Boote!")
    assert german.document["blocks"] == wanted
    assert "All texts are translated." in client.get(url("languages", template)).content.decode()


def test_what_the_draft_gets_later_is_there_to_be_translated(client, template):
    write(client, template)
    later = deepcopy(DOCUMENT)
    later["blocks"].insert(1, {"id": "n", "kind": "text", "text": "News of the pier"})
    later["blocks"][0]["align"] = "left"
    services.save_draft(template, document=later, by=SYSTEM)

    listed = client.get(url("languages", template)).content.decode()
    page = client.get(url("language", template, "de")).content.decode()

    assert "6 of 7 texts are translated." in listed
    assert "News of the pier" in page
    assert 'value="Die Gezeiten"' in page
    write(client, template, **{"n.text": "Neues vom Pier"})
    blocks = Translation.objects.get().document["blocks"]
    assert [block["id"] for block in blocks] == ["a", "n", "b", "c", "z"]
    assert (blocks[0]["align"], blocks[0]["text"]) == ("left", "Die Gezeiten")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a.text": "{{ subscriber.frist_name }}"}, "did you mean subscriber.first"),
        ({"c.href": "nowhere"}, "is no address"),
        ({"revision": 99}, "Somebody else has changed"),
        ({"subject": ""}, "This field is required."),
    ],
)
def test_what_is_refused_is_told_beside_and_nothing_is_kept(client, template, given, said):
    answer = write(client, template, **given)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert 'value="Weiter"' in answer.content.decode()  # what was written is not lost
    assert not Translation.objects.exists()


def test_every_language_is_checked_published_and_removed(client, template):
    write(client, template, subject="GEZEITEN!!", **{"c.href": "http://harbour.org/de"})

    page = client.get(url("languages", template)).content.decode()
    checks = client.get(url("look", template)).content.decode()
    one = client.get(url("language", template, "de")).content.decode()

    assert "Not published yet" in page
    assert "3 to look at twice." in page
    for told in (checks, one):
        assert "de: The subject shouts: use small letters." in told
        assert "de: Links begin with https: “http://harbour.org/de”." in told
    services.publish(template, by=SYSTEM)
    assert "Changed since" not in client.get(url("languages", template)).content.decode()
    write(client, template)
    assert "Changed since" in client.get(url("languages", template)).content.decode()
    assert write(client, template, do="remove").status_code == 302
    assert not Translation.objects.exists()
    assert template.published_version.translations["de"]["subject"] == "GEZEITEN!!"


def test_faults_of_all_languages_are_told_at_once(template):
    for language in ("de", "fr"):
        services.put_translation(template, language=language, subject="x", text="y", by=SYSTEM)

    with pytest.raises(Invalid) as refused:
        services.publish(template, by=SYSTEM)

    assert [(each.pointer, each.code) for each in refused.value.errors] == [
        (f"/translations/{language}/text", code)
        for language in ("de", "fr")
        for code in ("unsubscribe_missing", "address_missing")
    ]


def test_versions_are_shown_side_by_side_and_restored(client, template):
    services.publish(template, by=SYSTEM)
    services.save_draft(template, subject="Ebb", by=SYSTEM)
    services.publish(template, by=SYSTEM)
    services.save_draft(template, subject="Flood", by=SYSTEM)

    listed = client.get(url("versions", template)).content.decode()
    draft = client.get(url("version", template, 1)).content.decode()
    other = client.get(url("version", template, 1), {"to": "2"}).content.decode()

    assert listed.index("Version 2") < listed.index("Version 1")
    assert "<del>Tides</del></td><td><ins>Flood</ins>" in draft
    assert "<del>Tides</del></td><td><ins>Ebb</ins>" in other
    assert "The tides" in client.get(url("version_frame", template, 1)).content.decode()
    template.refresh_from_db()
    stale = client.post(url("version", template, 1), {"revision": template.revision - 1})
    done = client.post(url("version", template, 1), {"revision": template.revision})
    template.refresh_from_db()
    assert "Somebody else has changed" in stale.content.decode()
    assert done.headers["Location"] == url("change", template)
    assert (template.subject, template.published_version.number) == ("Tides", 2)


def test_readers_write_nothing_and_strangers_see_nothing(client, template):
    write(client, template)
    services.publish(template, by=SYSTEM)
    analyst = sign_in(role="Analyst", workspace=template.workspace)
    pages = [url(page, template) for page in ("languages", "versions", "used")]
    pages += [url("language", template, "de"), url("version", template, 1)]
    pages += [url("version_frame", template, 1)]

    assert [analyst.get(page).status_code for page in pages] == [200] * 6
    assert write(analyst, template, subject="Mine").status_code == 403
    assert analyst.post(url("version", template, 1)).status_code == 403
    assert analyst.get(url("language", template, "fr")).status_code == 404
    assert [sign_in().get(page).status_code for page in pages] == [404] * 6
    assert client.get(url("language", template, "nonsense")).status_code == 404
    assert Translation.objects.get().subject == "Gezeiten"
