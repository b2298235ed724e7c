"""What the law gives people: a copy of what is known of them, and to be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When

from accounts import audit
from accounts.audit import SUBSCRIBER, SYSTEM, Actor
from accounts.models import Workspace
from delivery import tracking
from delivery.models import (
    Attachment,
    Confirmation,
    DataRequest,
    Feedback,
    Outbox,
    SendLedger,
    TransactionalMessage,
    WebhookCall,
)
from delivery.preference_wording import ANSWERS, REQUESTS
from delivery.services.transactional import send_transactional
from delivery.states import MessageClass, RequestKind
from emailseq.lib import clock, sql
from subscribers import dossier
from subscribers import services as people
from subscribers.models import Subscriber
from templates_app import services as templates
from templates_app.models import Template

GOOD_FOR = timedelta(days=3)
DAY, MOST_A_DAY = timedelta(days=1), 3
SLUG = "about-your-data"
SUBJECT = "{{ data.subject }}"
# Text alone: templates let no address of a link come with the data.
TEXT = """\
{{ data.text }}

{{ data.button }}: {{ data.url }}

{{ data.note }}

{{ workspace.name }} · {{ workspace.postal_address }}
"""


@transaction.atomic
def ask(subscriber: Subscriber, *, kind: str, language: str) -> DataRequest | None:
    """Mail somebody a link by which they get what they have asked for, a `RequestKind`.

    None where they have been mailed so often that a day has to pass. Raises Invalid while the
    workspace has no sender.
    """
    now = clock.now()
    locked = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk)
    recent = DataRequest.objects.filter(subscriber=locked, asked_at__gt=now - DAY)
    if locked.erased_at or recent.count() >= MOST_A_DAY:
        return None
    made = DataRequest.objects.create(
        workspace_id=subscriber.workspace_id, subscriber=locked, kind=kind, asked_at=now
    )
    words, base = REQUESTS[language][kind], settings.TRACKING_URL
    url = tracking.request(base, made.pk)
    if kind == RequestKind.LINK:
        url = tracking.preferences(base, subscriber_id=subscriber.pk, at=now)
    data = {"subject": words.subject, "text": words.text, "button": words.button, "url": url}
    send_transactional(
        subscriber.workspace,
        template=_template(subscriber.workspace),
        to=subscriber,
        by=SYSTEM,
        data={**data, "note": ANSWERS[language].note},
    )
    return made


@transaction.atomic
def fulfil(request: DataRequest) -> None:
    """Somebody has come by the link of a request: it was them. Erase them, if that was it."""
    DataRequest.objects.filter(pk=request.pk).update(done_at=clock.now())
    if request.kind == RequestKind.ERASE:
        erase(request.subscriber, by=SUBSCRIBER)


def is_open(request: DataRequest) -> bool:
    """Whether its link is still good."""
    return request.asked_at + GOOD_FOR >= clock.now()


def export(subscriber: Subscriber, *, by: Actor) -> Iterator[bytes]:
    """Everything that is stored of somebody, as the pieces of a zip; that they left is audited."""
    audit.record(subscriber.workspace_id, "subscriber.exported", by=by, on=subscriber)
    return dossier.written(subscriber)


@transaction.atomic
def erase(subscriber: Subscriber, *, by: Actor) -> bool:
    """Forget somebody for good, everywhere; False when that was done before.

    What waits for them is cancelled, and nothing is sent to them afterwards: a keyed digest of
    their address stays suppressed. Numbers stay as they are. It cannot be undone.
    """
    email, key = subscriber.email, subscriber.address_key
    if not people.erase(subscriber, by=by):
        return False
    own = {"subscriber": subscriber.pk}
    waiting = Outbox.objects.filter(**own).order_by("id").select_for_update(no_key=True)
    rows = Outbox.objects.filter(pk__in=waiting.values("id"))
    rows.filter(cancelled_at=None).update(cancelled_at=clock.now())
    rows.update(last_reply="")
    tells = When(reason__contains="@", then=Value("erased"))
    SendLedger.objects.filter(**own).update(reply="", reason=Case(tells, default=F("reason")))
    Feedback.objects.filter(**own).update(address_key="", reason="")
    Confirmation.objects.filter(**own).update(address="", answer_ip=None, answer_agent="")
    Attachment.objects.filter(message__subscriber=subscriber).delete()
    TransactionalMessage.objects.filter(**own).update(data={}, headers={})
    WebhookCall.objects.filter(subscriber_id=subscriber.pk).delete()
    for address in {email, key}:
        sql.run("delivery", "forget_callbacks", {"address": address.encode()})
    return True


def _template(workspace: Workspace) -> Template:
    """The template that asks: made when it is first needed, and then theirs to edit."""
    own = Template.objects.of(workspace).filter(slug=SLUG).first()
    if own is None:
        own = templates.create_template(
            workspace,
            name="About your data",
            slug=SLUG,
            subject=SUBJECT,
            text=TEXT,
            by=SYSTEM,
            message_class=MessageClass.TRANSACTIONAL,
        )
    if own.published_version is None:
        templates.publish(own, by=SYSTEM)
    return own
