from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tests.backoffice import sign_in
from subscribers.tests.factories import SubscriberFactory
from templates_app.models import Template
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

HTML = (
    "<style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style>"
    "<p>Ahoy {{ subscriber.first_name | default: 'you' }}</p><script>alert(1)</script>"
)


def url(template: Template, page: str = "look") -> str:
    return reverse(f"admin:templates_app_template_{page}", args=[template.pk])


@pytest.fixture
def marketer():
    return sign_in()


@pytest.fixture
def template(marketer):
    return TemplateFactory(workspace=marketer.workspace, html=HTML)


def test_the_draft_is_shown_as_somebody_gets_it_beside_its_checks(marketer, template):
    grace = SubscriberFactory(
        workspace=marketer.workspace, email="grace@harbour.org", first_name="Grace"
    )

    page = marketer.get(url(template), {"email": "GRACE@", "phone": "1"}).content.decode()
    frame = marketer.get(url(template, "look_frame"), {"person": grace.public_id})

    assert "As grace@harbour.org would get it" in page
    assert f"person={grace.public_id}" in page
    assert "bo-phone" in page
    assert "everybody may leave" in page
    assert "Mail programs take these out: &lt;script&gt;." in page
    assert "srcdoc" not in page
    assert "Ahoy Grace" in frame.content.decode()
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")


def test_whoever_has_least_shows_what_is_missing(marketer, template):
    SubscriberFactory(workspace=marketer.workspace, email="bare@harbour.org", first_name="")

    page = marketer.get(url(template), {"who": "emptiest"}).content.decode()

    assert "As bare@harbour.org would get it" in page
    assert "<strong>Hello</strong>" in page


def test_the_dark_is_shown_to_whoever_asks(marketer, template):
    light = marketer.get(url(template, "look_frame")).content.decode()
    dark = marketer.get(url(template, "look_frame"), {"dark": "1"}).content.decode()

    assert "Ahoy Ada" in light
    assert "prefers-color-scheme" in light
    assert "prefers-color-scheme" not in dark
    assert "color-scheme: dark" in dark


def test_authors_see_samples_and_no_people(template):
    grace = SubscriberFactory(workspace=template.workspace, email="grace@harbour.org")
    author = sign_in(role="Author", workspace=template.workspace)

    page = author.get(url(template), {"email": "grace@"}).content.decode()
    frame = author.get(url(template, "look_frame"), {"person": grace.public_id})

    assert "grace@harbour.org" not in page
    assert "As somebody with everything would get it" in page
    assert frame.status_code == 403


def test_strangers_see_nothing(template, marketer):
    stranger = sign_in()
    person = SubscriberFactory()

    assert stranger.get(url(template)).status_code == 404
    assert stranger.get(url(template, "look_frame")).status_code == 404
    theirs = marketer.get(url(template, "look_frame"), {"person": person.public_id})
    assert theirs.status_code == 404
    assert sign_in(role="Operator").get(url(template)).status_code == 403
