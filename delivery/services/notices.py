"""Mail to teammates: what a machine has to tell them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from django.db import transaction

from accounts.audit import SYSTEM, Actor
from accounts.models import Workspace
from delivery.services.messages import NewMessage, mirror, queue_many
from delivery.states import MessageClass, Priority, SourceKind
from emailseq.lib import clock
from subscribers import services as people
from templates_app import services as templates
from templates_app.models import Template

SLUG = "notices-to-teammates"


@transaction.atomic
def send_notice(
    workspace: Workspace,
    *,
    to: str,
    subject: str,
    paragraphs: Sequence[str],
    sender_id: int,
    about: str,
    by: Actor,
) -> None:
    """Queue a mail to the teammate with the address `to`, `about` a step or the like.

    What it says is plain text, and a version of the template of all notices. The teammate becomes
    known like anybody who is written to, and is on no list by that. Raises Invalid.
    """
    teammate, _ = people.upsert(workspace, email=to, by=by)
    html = "\n".join(f"<p>{escape(_plain(each))}</p>" for each in paragraphs)
    version = templates.freeze(_template(workspace), subject=_plain(subject), html=html)
    kind = SourceKind.NOTICE
    mirror(workspace=workspace, kind=kind, source_id=workspace.pk, name=str(kind.label))
    message = NewMessage(
        workspace_id=workspace.pk,
        kind=kind,
        source_id=workspace.pk,
        step_key=about,
        run=version.pk,  # each is a message of its own
        variant="",
        subscriber_id=teammate.pk,
        list_id=None,
        template_version_id=version.pk,
        sender_id=sender_id,
        message_class=MessageClass.TRANSACTIONAL,
        priority=Priority.TRANSACTIONAL,
    )
    queue_many([message], now=clock.db_now())


def _template(workspace: Workspace) -> Template:
    """The template whose versions are the notices: made when it is first needed."""
    own = Template.objects.of(workspace).filter(slug=SLUG).first()
    return own or templates.create_template(
        workspace, name="Notices to teammates", slug=SLUG, subject="Notice", by=SYSTEM
    )


def _plain(text: str) -> str:
    """One line in which nothing means anything to the language of templates."""
    return " ".join(text.replace("{", "(").replace("}", ")").split())
