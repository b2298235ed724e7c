from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from templates_app import services
from templates_app.models import TemplateVersion
from templates_app.tests.factories import HTML, TemplateFactory

pytestmark = pytest.mark.django_db

LATER = HTML.replace("Start here", "Begin here")


@pytest.fixture
def template():
    """Version 1 is in German, too; version 2 has other words and is not."""
    made = TemplateFactory(slug="welcome", subject="One")
    services.put_translation(made, language="de", subject="Eins", html=HTML, by=SYSTEM)
    services.publish(made, by=SYSTEM)
    services.remove_translation(made, language="de", by=SYSTEM)
    services.save_draft(made, subject="Two", html=LATER, by=SYSTEM)
    services.publish(made, by=SYSTEM)
    return made


@pytest.fixture
def api(template):
    return Api(template.workspace)


def test_versions_are_listed_newest_first_without_their_content(api):
    rows = api("GET", "/templates/welcome/versions").json()["data"]

    assert [
        (row["number"], row["published"], row["subject"], row["languages"]) for row in rows
    ] == [(2, True, "Two", []), (1, False, "One", ["de"])]
    assert "html" not in rows[0]
    assert api("GET", "/templates/welcome/versions/1").json()["html"] == HTML
    assert api("GET", "/templates/welcome/versions/3").status_code == 404


def test_what_was_changed_is_told_line_by_line(api, template):
    services.save_draft(template, subject="Three", by=SYSTEM)

    since = api("GET", "/templates/welcome/versions/2/differences").json()["changed"]
    between = api("GET", "/templates/welcome/versions/1/differences?to=2").json()["changed"]

    assert since == {"subject": ["@@ -1 +1 @@", "-Two", "+Three"]}
    assert between["subject"] == ["@@ -1 +1 @@", "-One", "+Two"]
    assert between["html"] == ["@@ -1 +1 @@", f"-{HTML}", f"+{LATER}"]
    assert between["translations/de"][0].startswith("@@ -1,")
    assert between.keys() == {"subject", "html", "translations/de"}
    assert api("GET", "/templates/welcome/versions/1/differences?to=9").status_code == 404


def test_a_version_becomes_the_draft_again_and_nothing_is_published(api, template):
    template.refresh_from_db()
    revision = template.revision

    stale = api("POST", "/templates/welcome/versions/1/restore", match='"r1"')
    done = api("POST", "/templates/welcome/versions/1/restore", match=f'"r{revision}"')
    again = api("POST", "/templates/welcome/versions/1/restore", match="*")

    template.refresh_from_db()
    assert (stale.status_code, done.status_code, again.status_code) == (412, 200, 200)
    assert (template.subject, template.html, template.revision) == ("One", HTML, revision + 1)
    assert [row.subject for row in template.translations.all()] == ["Eins"]
    assert (template.published_version.number, TemplateVersion.objects.count()) == (2, 2)
    assert AuditEntry.objects.filter(verb="template.restored").count() == 1
    assert api("GET", "/templates/welcome/versions/1/differences").json()["changed"] == {}
