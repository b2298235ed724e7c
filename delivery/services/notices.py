"""Mail to teammates: what a machine has to tell them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from accounts.audit import SYSTEM, Actor
from accounts.models import Workspace
from delivery.models import SenderIdentity
from delivery.services.transactional import send_transactional
from delivery.states import MessageClass
from templates_app import services as templates
from templates_app.models import Template

SLUG = "teammate-notices"
HTML = "{% for paragraph in data.paragraphs %}<p>{{ paragraph }}</p>\n{% endfor %}"


@transaction.atomic
def send_notice(
    workspace: Workspace,
    *,
    to: str,
    subject: str,
    paragraphs: Sequence[str],
    sender: SenderIdentity,
    by: Actor,
) -> None:
    """Queue a transactional message to the teammate with the address `to`, in plain text.

    The teammate becomes known like anybody who is written to, and is on no list by that. Raises
    Invalid.
    """
    data = {"subject": subject, "paragraphs": [" ".join(each.split()) for each in paragraphs]}
    template = _template(workspace)
    send_transactional(workspace, template=template, to=to, data=data, sender=sender, by=by)


def _template(workspace: Workspace) -> Template:
    """The template that says what it is given: made when it is first needed."""
    rows = Template.objects.of(workspace).filter(
        slug=SLUG, message_class=MessageClass.TRANSACTIONAL
    )
    own = rows.select_related("published_version").first()
    if own is None:
        own = templates.create_template(
            workspace,
            name="Notices to teammates",
            slug=SLUG,
            subject="{{ data.subject }}",
            html=HTML,
            message_class=MessageClass.TRANSACTIONAL,
            by=SYSTEM,
        )
    if own.published_version is None:
        templates.publish(own, by=SYSTEM)
        own.refresh_from_db()
    return own
