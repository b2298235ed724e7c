"""What an action does, as the member of a document; `sequences.actions` has the kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from delivery.models import WebhookEndpoint
from emailseq.lib import addresses
from emailseq.lib.errors import Invalid, Problem
from sequences import actions
from sequences.actions import (
    Action,
    AddList,
    AddTag,
    CallWebhook,
    Enroll,
    Notify,
    Remove,
    RemoveList,
    RemoveTag,
    SetField,
)
from sequences.models import Sequence
from sequences.services.edit.names import Names
from subscribers.fields import checked
from subscribers.models import List, Tag
from subscribers.segments.reading import fault


def read(names: Names, value: Any, at: str) -> dict[str, Any]:
    """An action, in which everything is named by public id. Raises Invalid."""
    action = actions.parse(value, at=at)
    return actions.dump(_settled(action, names, at))


def _settled(action: Action, names: Names, at: str) -> Action:
    """The action with what it names found; for the rest, whether it can be done at all."""
    match action:
        case AddTag() | RemoveTag():
            return replace(action, tag=names.row(Tag)(action.tag, f"{at}/tag").public_id)
        case AddList() | RemoveList():
            return replace(action, list=names.row(List)(action.list, f"{at}/list").public_id)
        case Enroll() | Remove():
            found = names.row(Sequence)(action.sequence, f"{at}/sequence")
            return replace(action, sequence=found.public_id)
        case SetField():
            return replace(action, value=_value(action, names, at))
        case Notify():
            return replace(action, to=_address(action.to, f"{at}/to"))
        case CallWebhook():
            names.row(WebhookEndpoint)(action.endpoint, f"{at}/endpoint")
    return action


def _value(action: SetField, names: Names, at: str) -> Any:
    """The value as it is stored, if the field takes it."""
    names.field(action.field, f"{at}/field")
    try:
        return checked(names.workspace, {action.field: action.value})[action.field]
    except Invalid as error:
        detail = " ".join(each.detail for each in error.errors)
        raise Invalid([Problem(f"{at}/value", "field_type", detail)]) from None


def _address(value: str, at: str) -> str:
    try:
        return addresses.parse(value).email
    except addresses.BadAddress as error:
        raise fault(at, "invalid_email", str(error)) from None
