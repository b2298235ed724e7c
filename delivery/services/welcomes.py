"""The welcome of a list: what whoever joins it is sent, once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from delivery.models import SenderIdentity, SendLedger, WelcomeMessage
from delivery.services.messages import NewMessage, mirror, queue_many
from delivery.states import Priority, SourceKind
from emailseq.lib.errors import Invalid
from subscribers.models import List
from templates_app import services as templates

KIND = SourceKind.WELCOME


@transaction.atomic
def set_welcome(target: List, *, by: Actor, **changes: Any) -> WelcomeMessage:
    """Say how a list welcomes people: `sends`, `template`, `sender` (None: the first one).

    Publishes the template. Who has joined before gets nothing. Raises Invalid without a template,
    and for one that leads nobody out.
    """
    known = WelcomeMessage.objects.filter(list=target).first()
    welcome = known or WelcomeMessage(list=target)
    for name, value in changes.items():
        setattr(welcome, name, value)
    if welcome.template_id is None:
        raise Invalid.field("template", "required", "Choose the message that welcomes people.")
    if changes.get("template"):
        templates.publish(welcome.template, by=by, ways=[templates.WAY_OUT])
    welcome.save()
    said = {f"welcome_{name}": str(value) for name, value in changes.items()}
    audit.record(target.workspace_id, "list.updated", by=by, on=target, changes=said)
    return welcome


@transaction.atomic
def greet(places: Collection[tuple[int, int]], *, now: datetime) -> int:
    """Welcome whoever has joined, (subscriber, list) each; how many messages that were.

    Whoever has been welcomed on a list is not once more, however often they come back.
    """
    lists = {list_id for _, list_id in places}
    welcomes = WelcomeMessage.objects.filter(list__in=lists, sends=True, list__archived_at=None)
    welcomes = welcomes.select_related("list__workspace", "template")
    messages = [
        message
        for welcome in welcomes
        for message in _messages(welcome, _newcomers(welcome, places))
    ]
    return queue_many(messages, now=now)


def _newcomers(welcome: WelcomeMessage, places: Collection[tuple[int, int]]) -> list[int]:
    joined = {person for person, list_id in places if list_id == welcome.list_id}
    had = SendLedger.objects.filter(kind=KIND, source_id=welcome.list_id, subscriber__in=joined)
    return sorted(joined - set(had.values_list("subscriber_id", flat=True)))


def _messages(welcome: WelcomeMessage, people: Collection[int]) -> list[NewMessage]:
    version_id, sender_id = welcome.template.published_version_id, welcome.sender_id
    workspace = welcome.list.workspace
    if sender_id is None:
        senders = SenderIdentity.objects.of(workspace).order_by("id")
        sender_id = senders.values_list("pk", flat=True).first()
    if not people or version_id is None or sender_id is None:
        return []
    mirror(workspace=workspace, kind=KIND, source_id=welcome.list_id, name=welcome.list.name)
    shared: dict[str, Any] = {
        "workspace_id": workspace.pk,
        "kind": KIND,
        "source_id": welcome.list_id,
        "step_key": "",
        "run": 0,
        "variant": "",
        "list_id": welcome.list_id,
        "template_version_id": version_id,
        "sender_id": sender_id,
        "priority": Priority.SEQUENCE,
    }
    return [NewMessage(subscriber_id=person, **shared) for person in people]
