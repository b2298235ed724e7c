from __future__ import annotations

import factory

from accounts.tests.factories import WorkspaceFactory
from templates_app.models import Template, TemplateVersion

HTML = (
    "<html><body><p>Hello {{ subscriber.first_name | default: 'you' }},</p>"
    '<p><a href="https://example.com/start">Start here</a></p>'
    '<p><a href="{{ links.unsubscribe }}">Unsubscribe</a></p></body></html>'
)


class TemplateFactory(factory.django.DjangoModelFactory):
    """A draft; `TemplateVersionFactory` publishes one."""

    class Meta:
        model = Template

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"Template {n}")
    slug = factory.Sequence(lambda n: f"template-{n}")
    subject = "Hello {{ subscriber.first_name }}"
    html = HTML


class TemplateVersionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = TemplateVersion

    template = factory.SubFactory(TemplateFactory)
    number = 1
    subject = factory.SelfAttribute("template.subject")
    html = factory.SelfAttribute("template.html")
    text = ""
    links = factory.LazyFunction(lambda: ["https://example.com/start"])
