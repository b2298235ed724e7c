from __future__ import annotations

import factory

from accounts.tests.factories import WorkspaceFactory
from templates_app.models import Template, TemplateVersion
from templates_app.rendering import Addresses, address

HTML = (
    "<html><body><p>Hello {{ subscriber.first_name | default: 'you' }},</p>"
    '<p><a href="https://example.com/start">Start here</a></p>'
    "<p>{{ workspace.postal_address }}</p>"
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


def addresses(*links: str, pixel: str = "", unsubscribe: str = "") -> Addresses:
    """Where the numbered links, the pixel and the way out of a message lead."""
    return Addresses(
        b"",
        [*map(address, links)],
        address(pixel) if pixel else None,
        address(unsubscribe),
        unsubscribe,
    )
