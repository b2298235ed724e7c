"""Mail to those who work here: what a machine has to tell them, and links that let them in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from accounts.audit import SYSTEM, Actor
from accounts.models import Workspace
from delivery.models import SenderIdentity
from delivery.services.transactional import send_transactional
from delivery.states import MessageClass
from subscribers import services as people
from templates_app import services as templates
from templates_app.models import Template

# The way back is written out here: a template may not lead to wherever its data says.
HTML = """{{% for paragraph in data.paragraphs %}}<p>{{{{ paragraph }}}}</p>
{{% endfor %}}{{% if data.page != "" %}}
<p><a href="{site}/{{{{ data.page }}}}/{{{{ data.key }}}}/">{{{{ data.call }}}}</a></p>
<p>{site}/{{{{ data.page }}}}/{{{{ data.key }}}}/</p>
{{% endif %}}"""


@transaction.atomic
def send_notice(
    workspace: Workspace,
    *,
    to: str,
    subject: str,
    paragraphs: Sequence[str],
    by: Actor,
    sender: SenderIdentity | None = None,
    path: str = "",
    call: str = "",
    expires_at: datetime | None = None,
) -> None:
    """Queue a message to the teammate with the address `to`, in plain text, which may lead to a
    page of ours, of a `path` like /page/key/, by the words `call`.

    It leaves as the workspace's messages do. But recipient, template and text are kept in the
    house: who works here is no subscriber by that, and nobody reads or rewrites links that let
    others in. Without a sender the workspace's first one writes, or else EMAILSEQ_FROM. Raises
    Invalid.
    """
    house = Workspace.objects.house()
    page, key = path.strip("/").split("/") if path else ("", "")
    own = SenderIdentity.objects.of(workspace).order_by("id").first()
    send_transactional(
        house,
        template=_template(house, workspace),
        to=people.upsert(house, email=to, by=by)[0],
        data={
            "subject": subject,
            "paragraphs": [" ".join(each.split()) for each in paragraphs],
            "page": page,
            "key": key,
            "call": call,
        },
        sender=sender or own or _house_sender(house),
        expires_at=expires_at,
        by=by,
    )


def _house_sender(house: Workspace) -> SenderIdentity:
    address = settings.FROM_EMAIL or f"emailseq@{urlsplit(settings.SITE_URL).hostname}"
    named = {"workspace": house, "email": address}
    return SenderIdentity.objects.get_or_create(**named, defaults={"name": "emailseq"})[0]


def _template(house: Workspace, workspace: Workspace) -> Template:
    """The template that says what it is given, one for the mail of each workspace, as a source of
    messages has one way out. Made when it is first needed, and written anew when SITE_URL is new.
    """
    html, slug = HTML.format(site=settings.SITE_URL), f"team-{workspace.pk}"
    found = Template.objects.of(house).filter(slug=slug).select_related("published_version").first()
    if found is None:
        found = templates.create_template(
            house,
            name=f"Mail to the team of {workspace}"[:100],
            slug=slug,
            subject="{{ data.subject }}",
            html=html,
            message_class=MessageClass.TRANSACTIONAL,
            by=SYSTEM,
        )
    elif found.html != html:
        templates.save_draft(found, html=html, by=SYSTEM)
    elif found.published_version:
        return found
    templates.publish(found, by=SYSTEM)
    found.refresh_from_db()
    return found
