"""What programs ask to be sent: one message to one person, whatever they have subscribed to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from delivery import enclosures
from delivery.enclosures import File
from delivery.models import (
    Attachment,
    Outbox,
    SenderIdentity,
    SendLedger,
    Source,
    TransactionalMessage,
)
from delivery.services.messages import NewMessage, cancel, mirror, queue_many, resolve_in_doubt
from delivery.states import MessageClass, Outcome, Priority, SourceKind
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
    to_name: str = "",
    track: bool = False,
    language: str = "",
) -> TransactionalMessage:
    """Queue a message to a person, or to an address: who is new there becomes a subscriber, without
    any consent.

    It leaves before all others, at once or at `send_at`, but not at `expires_at` or later. `data`
    is what the template reads as `data.…`; without a sender the workspace's first one writes.
    `to_name` stands beside the address, instead of the subscriber's name; `language` (like en or
    pt-BR) chooses among the translations instead of theirs. With `track` opens and clicks are
    counted.
    Raises Invalid: for a template that is not transactional or not published, for all that `data`
    lacks, for what is no language, and for headers and attachments that `enclosures` does not let
    pass.
    """
    version = _published(template)
    _check_data(version, data or {})
    _check_enclosures(headers or {}, attachments)
    _check_times(send_at, expires_at)
    if not to_name.isprintable():
        raise Invalid.field("to/name", "invalid_characters", "A name is one line of plain text.")
    people.check_language(language)
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
        to_name=to_name,
        track=track,
        language=language,
    )
    Attachment.objects.bulk_create(
        [Attachment(message=made, **file._asdict()) for file in attachments]
    )
    _queue(made, version)
    return made


@transaction.atomic
def send_many(
    workspace: Workspace, asked: Iterable[Mapping[str, Any] | AppError], *, by: Actor
) -> list[TransactionalMessage | AppError]:
    """Queue a message for each of these, the arguments of `send_transactional`; what is wrong with
    one does not stop the others, and what was wrong before stays in its place.
    """
    results, good = dict[int, TransactionalMessage | AppError](), dict[int, Mapping[str, Any]]()
    for index, each in enumerate(asked):
        if isinstance(each, AppError):
            results[index] = each
        else:
            good[index] = each
    # Rows are locked in one order by everybody: templates' sources, then people by address.
    for template in sorted({each["template"] for each in good.values()}, key=attrgetter("pk")):
        _mirror(template, workspace)
    for index in sorted(good, key=lambda index: _address(good[index]["to"])):
        results[index] = _tried(workspace, good[index], by=by)
    return [results[index] for index in sorted(results)]


def _address(to: Subscriber | str) -> str:
    return to.address_key if isinstance(to, Subscriber) else to.strip().lower()


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
    """Delete the attachments of messages that were sent, and some time after their end the data,
    headers and files of all, which may be secrets or about people; how many rows that were.
    """
    query = {"limit": limit, "before": clock.now() - settings.TRANSACTIONAL_DATA_FOR}
    names = ("forget_files", "forget_data")
    return sum(sql.run("delivery", name, query) for name in names)


@transaction.atomic
def resolve_transactional(message: TransactionalMessage, *, outcome: str, by: Actor) -> None:
    """Decide what nobody can know: whether a message in doubt counts as `sent`, or is to be sent
    once more (`resend`), with the same Message-ID. Raises StateConflict where there is no doubt.
    """
    row = Outbox.objects.in_doubt().filter(**message.key).first()
    if row is None or not resolve_in_doubt(row, as_sent=outcome == "sent", by=by):
        state = TransactionalMessage.objects.with_state().get(pk=message.pk).state  # type: ignore[attr-defined]
        allowed = ["cancel"] if state in ("queued", "held") else []
        raise StateConflict("The message is not in doubt.", state=state, allowed=allowed)


@transaction.atomic
def retry_transactional(message: TransactionalMessage, *, by: Actor) -> None:
    """Queue once more what was not sent, by the template as it is published now.

    Raises StateConflict unless it has failed or was skipped, and once its data may be forgotten;
    Invalid if the template reads what is not among them.
    """
    TransactionalMessage.objects.select_for_update(no_key=True).get(pk=message.pk)
    now: Any = TransactionalMessage.objects.with_state().get(pk=message.pk)
    if now.state not in (Outcome.FAILED, Outcome.SKIPPED) or now.finished_at is None:
        allowed = ["cancel"] if now.state in ("queued", "held") else []
        raise StateConflict("It did not fail.", state=now.state, allowed=allowed)
    if now.finished_at < clock.now() - settings.TRANSACTIONAL_DATA_FOR:
        raise StateConflict("What it said is forgotten.", state=now.state, allowed=[])
    version = _published(message.template)
    _check_data(version, message.data)
    _queue(message, version, step_key=f"again-{SendLedger.objects.filter(**message.key).count()}")
    audit.record(message.workspace_id, "message.retried", by=by, on=message)


def _queue(message: TransactionalMessage, version: TemplateVersion, *, step_key: str = "") -> None:
    _mirror(message.template, message.sender.workspace)
    place = NewMessage(
        workspace_id=message.sender.workspace_id,  # whose transports carry it
        kind=SourceKind.TRANSACTIONAL,
        source_id=message.template_id,
        step_key=step_key,
        run=message.pk,
        variant="",
        subscriber_id=message.subscriber_id,
        list_id=None,
        template_version_id=version.pk,
        sender_id=message.sender_id,
        message_class=MessageClass.TRANSACTIONAL,
        priority=Priority.TRANSACTIONAL,
        run_at=message.send_at,
    )
    queue_many([place], now=clock.now())


def _mirror(template: Template, workspace: Workspace) -> None:
    """Its source, where that is not known yet."""
    source: dict[str, Any] = {"kind": SourceKind.TRANSACTIONAL, "source_id": template.pk}
    if not Source.objects.filter(**source).exists():
        mirror(workspace=workspace, name=template.name, **source)


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
