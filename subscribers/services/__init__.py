"""The verbs of people and consent. Each one records what happened in its own transaction."""

from __future__ import annotations

from subscribers.services.addresses import parse_address
from subscribers.services.consent import (
    Consent,
    Place,
    ask_again,
    confirm,
    evidence_of,
    join,
    subscribe,
    unsubscribe,
)
from subscribers.services.custom_events import (
    Recorded,
    forget_event_keys,
    record_custom_events,
    record_event,
)
from subscribers.services.erasure import erase
from subscribers.services.fields import create_field, delete_field, update_field
from subscribers.services.forms import (
    Full,
    Origin,
    TooMany,
    archive_form,
    create_form,
    record_sign_up,
    take_sign_ups,
    update_form,
)
from subscribers.services.lists import archive_list, create_list, update_list
from subscribers.services.merging import merge
from subscribers.services.people import (
    LONGEST_SNOOZE,
    archive,
    check_language,
    create,
    restore,
    snooze,
    upsert,
)
from subscribers.services.segments import (
    archive_segment,
    create_segment,
    freeze_segment,
    let_members_leave,
    recount_segment,
    update_segment,
)
from subscribers.services.suppression import (
    lift,
    suppress,
    suppress_named,
    take_back_soft_bounces,
)
from subscribers.services.tags import (
    create_tag,
    delete_tag,
    tag,
    tag_people,
    untag,
    untag_people,
    update_tag,
)

__all__ = [
    "LONGEST_SNOOZE",
    "Consent",
    "Full",
    "Origin",
    "Place",
    "Recorded",
    "TooMany",
    "archive",
    "archive_form",
    "archive_list",
    "archive_segment",
    "ask_again",
    "check_language",
    "confirm",
    "create",
    "create_field",
    "create_form",
    "create_list",
    "create_segment",
    "create_tag",
    "delete_field",
    "delete_tag",
    "erase",
    "evidence_of",
    "forget_event_keys",
    "freeze_segment",
    "join",
    "let_members_leave",
    "lift",
    "merge",
    "parse_address",
    "record_custom_events",
    "record_event",
    "record_sign_up",
    "recount_segment",
    "restore",
    "snooze",
    "subscribe",
    "suppress",
    "suppress_named",
    "tag",
    "tag_people",
    "take_back_soft_bounces",
    "take_sign_ups",
    "unsubscribe",
    "untag",
    "untag_people",
    "update_field",
    "update_form",
    "update_list",
    "update_segment",
    "update_tag",
    "upsert",
]
