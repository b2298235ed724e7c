from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib.errors import Conflict, Invalid, Stale
from subscribers.services import create_field
from templates_app import services
from templates_app.models import Template, TemplateVersion
from templates_app.tests.factories import HTML, TemplateFactory

LEAVE = "{{ links.unsubscribe }}"
NAMELESS = "Line 1: subscriber needs a written name after it, such as subscriber.email."

pytestmark = pytest.mark.django_db


def verbs() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("verb", flat=True))


def test_a_draft_is_made_and_audited():
    workspace = WorkspaceFactory()

    template = services.create_template(
        workspace, name="Receipt", slug="receipt", subject="Hi", html=HTML, by=SYSTEM
    )

    template.refresh_from_db()
    assert (template.name, template.slug, template.subject, template.html, template.text) == (
        ("Receipt", "receipt", "Hi", HTML, "")
    )
    assert (template.revision, template.published_version) == (1, None)
    assert template.public_id.startswith("tpl_")
    assert verbs() == ["template.created"]


def test_a_slug_is_taken_once_per_workspace():
    taken = TemplateFactory(slug="receipt")
    other = TemplateFactory(workspace=taken.workspace)

    with pytest.raises(Conflict):
        services.create_template(
            taken.workspace, name="x", slug="receipt", subject="x", html=HTML, by=SYSTEM
        )
    with pytest.raises(Conflict):
        services.save_draft(other, slug="receipt", by=SYSTEM)

    assert Template.objects.of(taken.workspace).count() == 2
    assert services.create_template(
        WorkspaceFactory(), name="x", slug="receipt", subject="x", html=HTML, by=SYSTEM
    )


def test_only_what_is_named_changes():
    template = TemplateFactory()

    services.save_draft(template, subject="New", by=SYSTEM, expected_revision=1)

    template.refresh_from_db()
    assert (template.subject, template.html, template.revision) == ("New", HTML, 2)
    assert template.updated_at > template.created_at
    assert verbs() == ["template.updated"]


def test_a_stale_draft_is_not_overwritten():
    template = TemplateFactory()
    services.save_draft(Template.objects.get(pk=template.pk), subject="Theirs", by=SYSTEM)

    with pytest.raises(Stale):
        services.save_draft(template, subject="Mine", by=SYSTEM, expected_revision=1)

    assert Template.objects.get(pk=template.pk).subject == "Theirs"


def test_something_that_is_no_content_cannot_be_changed():
    with pytest.raises(TypeError):
        services.save_draft(TemplateFactory(), revision="7", by=SYSTEM)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subject": " "}, [("/subject", "required", "A message has a subject.")]),
        (
            {"subject": "a\nb"},
            [("/subject", "too_long", "A subject is one line of at most 500 characters.")],
        ),
        (
            {"subject": "x" * 501},
            [("/subject", "too_long", "A subject is one line of at most 500 characters.")],
        ),
        (
            {"subject": "{{ subscriber.first_name", "html": "<p>\n{% nothing %}"},
            [
                ("/subject", "template_invalid", "Line 1: “{{” is never closed."),
                ("/html", "template_invalid", "Line 2: There is no tag “nothing”."),
            ],
        ),
        (
            {"text": "\n{{ subscriber.fist_name }}{{ subscriber.plann }}{{ nothing.at_all }}"},
            [
                (
                    "/text",
                    "unknown_field",
                    "Line 2: subscriber.fist_name: did you mean subscriber.first_name?",
                ),
                (
                    "/text",
                    "unknown_field",
                    "Line 2: subscriber.plann: did you mean subscriber.plan?",
                ),
                (
                    "/text",
                    "unknown_field",
                    "Line 2: nothing.at_all: there is no such merge field.",
                ),
            ],
        ),
        (
            {"html": "<p>{{ subscriber }}{{ subscriber[subscriber.email] }}</p>"},
            [
                ("/html", "unknown_field", NAMELESS),
                ("/html", "unknown_field", NAMELESS),
            ],
        ),
        (
            {"html": "<script>{{ subscriber.email }}</script>"},
            [("/html", "template_invalid", "Line 1: Liquid stands inside <script>.")],
        ),
        (
            {"html": "x" * (512 * 1024 + 1)},
            [("/html", "template_invalid", "The template is larger than 512 KB.")],
        ),
    ],
)
def test_faulty_content_is_refused_with_every_fault_named(changes, expected):
    template = TemplateFactory()
    create_field(template.workspace, key="plan", label="Plan", kind="text", by=SYSTEM)

    with pytest.raises(Invalid) as refusal:
        services.save_draft(template, by=SYSTEM, **changes)

    found = [(error.pointer, error.code, error.detail) for error in refusal.value.errors]
    assert found == expected
    template.refresh_from_db()
    assert (template.html, template.revision) == (HTML, 1)


@pytest.mark.parametrize("changes", [{"html": "a\0b"}, {"name": "a\ud800b"}])
def test_what_the_database_cannot_hold_is_refused(changes):
    with pytest.raises(Invalid) as refusal:
        services.save_draft(TemplateFactory(), by=SYSTEM, **changes)

    assert [error.code for error in refusal.value.errors] == ["invalid_characters"]


def test_declared_fields_of_the_workspace_are_known_and_those_of_others_are_not():
    template, stranger = TemplateFactory(), TemplateFactory()
    create_field(template.workspace, key="plan", label="Plan", kind="text", by=SYSTEM)

    services.save_draft(template, subject="{{ subscriber.plan }}", by=SYSTEM)
    with pytest.raises(Invalid):
        services.save_draft(stranger, subject="{{ subscriber.plan }}", by=SYSTEM)


def test_publishing_freezes_the_draft_with_its_links():
    template = TemplateFactory()

    version = services.publish(template, by=SYSTEM)
    services.save_draft(template, subject="Next", by=SYSTEM)

    version.refresh_from_db()
    template.refresh_from_db()
    assert (version.number, version.subject) == (1, "Hello {{ subscriber.first_name }}")
    assert version.links == ["https://example.com/start"]
    assert template.published_version == version
    assert verbs() == ["template.published", "template.updated"]


def test_publishing_what_has_not_changed_makes_no_version():
    template = TemplateFactory()
    first = services.publish(template, by=SYSTEM)

    again = services.publish(Template.objects.get(pk=template.pk), by=SYSTEM)
    services.save_draft(template, name="Another name", by=SYSTEM)

    assert again == first
    assert services.publish(template, by=SYSTEM) == first
    assert TemplateVersion.objects.count() == 1
    assert verbs() == ["template.published", "template.updated"]


def test_versions_are_numbered():
    template = TemplateFactory()
    services.publish(template, by=SYSTEM)
    services.save_draft(template, subject="Two", by=SYSTEM)

    assert services.publish(template, by=SYSTEM).number == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"html": "", "text": " "}, [("/html", "required")]),
        (
            {"html": "<p>x</p>"},
            [("/html", "unsubscribe_missing"), ("/html", "address_missing")],
        ),
        (
            {"html": HTML, "text": "{{ workspace.postal_address }}"},
            [("/text", "unsubscribe_missing")],
        ),
        (
            {"html": f"<p>{{% comment %}}{LEAVE}{{% endcomment %}}1 Main Street,\nSpringfield</p>"},
            [("/html", "unsubscribe_missing")],
        ),
        ({"html": "", "text": f"{LEAVE} 1 Main Street"}, [("/text", "address_missing")]),
    ],
)
def test_a_message_without_content_or_way_out_is_not_published(content, expected):
    template = TemplateFactory(**content)

    with pytest.raises(Invalid) as refusal:
        services.publish(template, by=SYSTEM)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == expected
    assert not TemplateVersion.objects.exists()


def test_marketing_of_nowhere_is_not_published():
    template = TemplateFactory(workspace__postal_address="")

    with pytest.raises(Invalid, match="put a postal address into the settings"):
        services.publish(template, by=SYSTEM)

    assert not TemplateVersion.objects.exists()


def test_what_asks_for_a_yes_needs_no_way_out_but_serves_nothing_else():
    template = TemplateFactory(html='<a href="{{ links.confirm }}">Yes</a>', text="")
    version = services.publish(template, by=SYSTEM)

    with pytest.raises(Invalid) as refusal:
        services.publish(template, by=SYSTEM, ways=[services.WAY_OUT])
    assert [error.code for error in refusal.value.errors] == ["unsubscribe_missing"]
    assert services.publish(template, by=SYSTEM, ways=[services.WAY_IN]) == version
    assert version.links == []

    newsletter = TemplateFactory(html=HTML, text="")
    with pytest.raises(Invalid) as refusal:
        services.publish(newsletter, by=SYSTEM, ways=[services.WAY_IN])
    assert [error.code for error in refusal.value.errors] == ["confirm_missing"]
    assert not newsletter.versions.exists()


def test_text_alone_may_be_published():
    template = TemplateFactory(html="", text=f"{LEAVE} 1 Main Street, Springfield")

    assert services.publish(template, by=SYSTEM).links == []


def test_a_draft_that_does_not_compile_any_more_is_not_published():
    template = TemplateFactory(html="<p>{{ links.unsubscribe }}{{ subscriber.gone }}</p>")

    with pytest.raises(Invalid) as refusal:
        services.publish(template, by=SYSTEM)

    assert [error.code for error in refusal.value.errors] == ["unknown_field"]


def test_an_archived_template_keeps_its_version_and_gets_no_other():
    template = TemplateFactory()
    version = services.publish(template, by=SYSTEM)

    assert services.archive(template, by=SYSTEM) is True
    assert services.archive(template, by=SYSTEM) is False
    assert services.publish(template, by=SYSTEM) == version
    services.save_draft(template, subject="Two", by=SYSTEM)
    with pytest.raises(Invalid) as refusal:
        services.publish(template, by=SYSTEM)

    assert [error.code for error in refusal.value.errors] == ["archived"]
    assert verbs() == ["template.published", "template.archived", "template.updated"]
