from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from templates_app.models import Template
from templates_app.tests.factories import HTML, TemplateFactory

pytestmark = pytest.mark.django_db


def url(verb: str, template: Template) -> str:
    return reverse(f"admin:templates_app_template_{verb}", args=[template.pk])


def draft(template: Template, **changes) -> dict:
    names = ("name", "subject", "html", "text", "revision")
    return {**{name: getattr(template, name) for name in names}, **changes}


def test_a_template_is_written_and_published():
    client = sign_in()
    create = reverse("admin:templates_app_template_create")

    assert is_done(act(client, create, name="Welcome", subject="Hello"))
    template = Template.objects.get()
    assert is_done(act(client, url("save", template), **draft(template, html=HTML)))
    assert is_done(act(client, url("publish", template)))

    template.refresh_from_db()
    assert (template.slug, template.html, template.revision) == ("welcome", HTML, 2)
    assert template.published_version.number == 1
    assert "version 1 published" in client.get(url("change", template)).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("html", "<p>{{ subscriber.frist_name }}</p>", "did you mean subscriber.first_name?"),
        ("html", "<p>{% if %}</p>", ""),
        ("html", "<p>{{ 'x' | safe }}</p>", ""),
        ("text", "{% include 'x' %}", ""),
        ("subject", "{{ subscriber", ""),
        ("subject", "", "This field is required."),
    ],
)
def test_a_fault_is_shown_at_its_field_and_nothing_is_lost(field, value, said):
    client = sign_in()
    template = TemplateFactory(workspace=client.workspace)

    answer = act(client, url("save", template), **draft(template, **{field: value}, name="New"))

    page = answer.content.decode()
    assert not is_done(answer)
    assert said in page[page.index(f'id="id_{field}_error"') :]
    assert 'value="New"' in page
    template.refresh_from_db()
    assert (template.html, template.revision) == (HTML, 1)


def test_a_draft_somebody_else_changed_is_not_overwritten():
    client = sign_in()
    template = TemplateFactory(workspace=client.workspace)
    mine = draft(template, subject="Mine")
    assert is_done(act(client, url("save", template), **draft(template, subject="Yours")))

    answer = act(client, url("save", template), **mine)

    assert "Somebody else has changed" in answer.content.decode()
    template.refresh_from_db()
    assert template.subject == "Yours"


def test_a_template_without_a_way_out_is_not_published():
    client = sign_in()
    template = TemplateFactory(workspace=client.workspace, html="<p>Hello</p>")

    answer = act(client, url("publish", template))

    assert "everybody may leave" in answer.content.decode()
    template.refresh_from_db()
    assert template.published_version is None


def test_the_preview_is_a_sandboxed_document_of_its_own():
    client = sign_in()
    template = TemplateFactory(workspace=client.workspace, html=HTML + "<script>alert(1)</script>")

    page = client.get(url("change", template)).content.decode()
    preview = client.get(url("preview", template))

    assert f'<iframe class="bo-frame" sandbox src="{url("preview", template)}"' in page
    assert "srcdoc" not in page
    assert "Hello Ada" in preview.content.decode()
    policy = preview.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script-src" not in policy
    assert preview.headers["X-Content-Type-Options"] == "nosniff"
    assert sign_in().get(url("preview", template)).status_code == 404
    assert sign_in(role="Operator").get(url("preview", template)).status_code == 403


def test_a_preview_of_what_does_not_compile_says_why():
    client = sign_in()
    template = TemplateFactory(workspace=client.workspace, html="<p>{% if %}</p>")

    preview = client.get(url("preview", template))

    assert preview.status_code == 200
    assert preview.content.startswith(b"<pre>")


def test_an_archived_template_is_only_looked_at():
    client = sign_in()
    template = TemplateFactory(workspace=client.workspace)
    assert is_done(act(client, url("archive", template)))

    page = client.get(url("change", template)).content.decode()

    assert "Archived" in page
    assert 'id="editor"' not in page
    assert f'href="{url("publish", template)}"' not in page
    assert "archived" in act(client, url("publish", template)).content.decode()
