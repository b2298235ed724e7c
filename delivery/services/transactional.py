"""What programs ask to be sent: one message to one person, whatever they have subscribed to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from delivery import enclosures
from delivery.enclosures import File
from delivery.models import Attachment, Outbox, SenderIdentity, Source, TransactionalMessage
from delivery.services.messages import NewMessage, cancel, mirror, queue_many, resolve_in_doubt
from delivery.states import MessageClass, Priority, SourceKind
from emailseq.lib import clock, sql
from emailseq.lib.errors import AppError, Invalid, Problem, StateConflict
from subscribers import services as people
from subscribers.models import Subscriber
from templates_app import services as templates
from templates_app.models import Template, TemplateVersion

MOST_DATA = 32 * 1024


@transaction.atomic
def send_transactional(
    workspace: Workspace,
    *,
    template: Template,
    to: Subscriber | str,
    by: Actor,
    data: Mapping[str, Any] | None = None,
    sender: SenderIdentity | None = None,
    send_at: datetime | None = None,
    expires_at: datetime | None = None,
    headers: Mapping[str, str] | None = None,
    attachments: Sequence[File] = (),
) -> TransactionalMessage:
    """Queue a message to a person, or to an address: who is new there becomes a subscriber, without
    any consent.

    It leaves before all others, at once or at `send_at`, but not at `expires_at` or later. `data`
    is what the template reads as `data.…`; without a sender the workspace's first one writes.
    Raises Invalid: for a template that is not transactional or not published, for all that `data`
    lacks, and for headers and attachments that `enclosures` does not let pass.
    """
    version = _published(template)
    _check_data(version, data or {})
    _check_enclosures(headers or {}, attachments)
    _check_times(send_at, expires_at)
    sender = sender or SenderIdentity.objects.of(workspace).order_by("id").first()
    if sender is None:
        raise Invalid.field("sender", "required", "The workspace has no sender.")
    person = to if isinstance(to, Subscriber) else people.upsert(workspace, email=to, by=by)[0]
    made = TransactionalMessage.objects.create(
        workspace=workspace,
        template=template,
        subscriber=person,
        sender=sender,
        data=data or {},
        headers=headers or {},
        send_at=send_at,
        expires_at=expires_at,
    )
    Attachment.objects.bulk_create(
        [Attachment(message=made, **file._asdict()) for file in attachments]
    )
    source: dict[str, Any] = {"kind": SourceKind.TRANSACTIONAL, "source_id": template.pk}
    if not Source.objects.filter(**source).exists():
        mirror(workspace=workspace, name=template.name, **source)
    message = NewMessage(
        workspace_id=workspace.pk,
        step_key="",
        run=made.pk,
        variant="",
        subscriber_id=person.pk,
        list_id=None,
        template_version_id=version.pk,
        sender_id=sender.pk,
        message_class=MessageClass.TRANSACTIONAL,
        priority=Priority.TRANSACTIONAL,
        run_at=send_at,
        **source,
    )
    queue_many([message], now=clock.now())
    return made


@transaction.atomic
def send_many(
    workspace: Workspace, asked: Iterable[Mapping[str, Any] | AppError], *, by: Actor
) -> list[TransactionalMessage | AppError]:
    """Queue a message for each of these, the arguments of `send_transactional`; what is wrong with
    one does not stop the others, and what was wrong before stays in its place.
    """
    return [
        each if isinstance(each, AppError) else _tried(workspace, each, by=by) for each in asked
    ]


def _tried(
    workspace: Workspace, asked: Mapping[str, Any], *, by: Actor
) -> TransactionalMessage | AppError:
    try:
        return send_transactional(workspace, by=by, **asked)
    except AppError as error:
        return error


@transaction.atomic
def cancel_transactional(message: TransactionalMessage, *, by: Actor) -> bool:
    """Stop a message that is not on the wire yet. False when it was too late, or done before."""
    stopped = cancel(
        kind=SourceKind.TRANSACTIONAL,
        source_id=message.template_id,
        subscriber_ids=[message.subscriber_id],
        runs=[message.pk],
    )
    if stopped:
        audit.record(message.workspace_id, "message.cancelled", by=by, on=message)
    return bool(stopped)


def forget(limit: int = 1000) -> int:
    """Delete the attachments of messages that are finished, and some time later the data and
    headers, which may be secrets or about people; how many rows that were.
    """
    query = {"limit": limit, "before": clock.now() - settings.TRANSACTIONAL_DATA_FOR}
    names = ("forget_files", "forget_data")
    return sum(sql.run("delivery", name, query) for name in names)


@transaction.atomic
def resolve_transactional(message: TransactionalMessage, *, outcome: str, by: Actor) -> None:
    """Decide what nobody can know: whether a message in doubt counts as `sent`, or is to be sent
    once more (`resend`), with the same Message-ID. Raises StateConflict where there is no doubt.
    """
    doubtful = Outbox.objects.in_doubt().filter(
        kind=SourceKind.TRANSACTIONAL,
        source_id=message.template_id,
        subscriber=message.subscriber_id,
        run=message.pk,
    )
    row = doubtful.first()
    if row is None or not resolve_in_doubt(row, as_sent=outcome == "sent", by=by):
        state = TransactionalMessage.objects.with_state().get(pk=message.pk).state  # type: ignore[attr-defined]
        allowed = ["cancel"] if state in ("queued", "held") else []
        raise StateConflict("The message is not in doubt.", state=state, allowed=allowed)


def _published(template: Template) -> TemplateVersion:
    if template.message_class != MessageClass.TRANSACTIONAL:
        detail = f"“{template}” is for marketing: choose a transactional template."
        raise Invalid.field("template", "not_transactional", detail)
    if template.published_version is None:
        raise Invalid.field("template", "not_published", f"Publish “{template}” first.")
    return template.published_version


def _check_data(version: TemplateVersion, data: Mapping[str, Any]) -> None:
    if len(json.dumps(data)) > MOST_DATA:
        raise Invalid.field("data", "too_large", "The data may take 32 KB.")
    missing = [path for path in templates.data_paths(version) if not _holds(data, path)]
    if missing:
        raise Invalid(
            [
                Problem(
                    "/data/" + "/".join(path),
                    "template_data_missing",
                    f"The template reads data.{'.'.join(path)}; null says that there is none.",
                )
                for path in missing
            ]
        )


def _check_enclosures(headers: Mapping[str, str], attachments: Sequence[File]) -> None:
    problems = [*enclosures.header_problems(headers), *enclosures.file_problems(attachments)]
    if problems:
        raise Invalid(problems)


def _check_times(send_at: datetime | None, expires_at: datetime | None) -> None:
    if expires_at and expires_at <= (send_at or clock.now()):
        raise Invalid.field("expires_at", "too_early", "It would expire before it may leave.")


def _holds(data: Any, path: tuple[str, ...]) -> bool:
    """Whether there is something at a path; what is no object is the template's to look into."""
    for name in path:
        if not isinstance(data, Mapping):
            return True
        if name not in data:
            return False
        data = data[name]
    return True
