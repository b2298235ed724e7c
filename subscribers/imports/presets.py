"""What the exports of other systems look like, and what an import makes of them at first.

A preset is recognised by the names of the columns; whoever uploads sees what was made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from emailseq.lib.addresses import BadAddress, parse
from subscribers.imports.mapping import guessed, key_of, target_of
from subscribers.models import CustomField
from subscribers.states import ImportKind, SuppressionReason


class Preset(NamedTuple):
    """`marks` are columns that no other system has; `any_of` names one of them that must be there.

    Of the columns, `targets` says where they go; what is in `left_out` means nothing here.
    """

    name: str
    marks: frozenset[str]
    any_of: frozenset[str]
    targets: Mapping[str, str]
    left_out: frozenset[str]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PRESETS = (
    Preset(
        "Mailchimp",
        _names("email_address"),
        _names("member_rating optin_time leid euid unsub_time clean_time"),
        {},
        _names(
            "member_rating optin_time optin_ip confirm_time confirm_ip latitude longitude gmtoff"
            " dstoff timezone cc region last_changed leid euid notes unsub_time"
            " unsub_campaign_title unsub_campaign_id unsub_reason unsub_reason_other clean_time"
            " clean_campaign_title clean_campaign_id"
        ),
    ),
    Preset(
        "listmonk",
        _names("email name attributes"),
        _names("uuid status attributes"),
        {"name": "name", "attributes": "fields", "status": "status"},
        _names("uuid created_at updated_at"),
    ),
    Preset(
        "Mautic",
        _names("email firstname lastname"),
        _names("points date_added dateadded donotcontact do_not_contact dnc last_active"),
        {"donotcontact": "status", "do_not_contact": "status", "dnc": "status"},
        _names(
            "id date_added dateadded created_by createdby date_modified datemodified"
            " date_identified dateidentified last_active lastactive owner_id ownerid stage_id"
            " stageid points preferred_profile_image preferredprofileimage"
        ),
    ),
)
# A column that tells that a file is of people who must be left alone.
_NO_MORE = {
    "unsub_time": SuppressionReason.UNSUBSCRIBED,
    "unsubscribed_at": SuppressionReason.UNSUBSCRIBED,
    "clean_time": SuppressionReason.HARD_BOUNCE,
}


def settings_of(layout: dict[str, Any], *, declared: Iterable[CustomField]) -> dict[str, Any]:
    """What an import of this layout is set to at first; names the preset in the layout."""
    keys = [key_of(name) for name in layout["header"]]
    preset = next((one for one in PRESETS if one.marks <= {*keys} and one.any_of & {*keys}), None)
    layout["preset"] = preset.name if preset else ""
    columns = guessed(layout["header"], declared=list(declared))
    targets = [target_of(column) for column in columns]
    for place, key in enumerate(keys):
        if preset and key in preset.left_out:
            targets[place] = ""
        elif preset and key in preset.targets:
            targets[place] = preset.targets[key]
    targets = [target if target not in targets[:n] else "" for n, target in enumerate(targets)]
    if "email" not in targets:
        targets = _with_address(targets, layout["samples"])
    for key, reason in _NO_MORE.items():
        if key in keys:
            return {"targets": targets, "kind": ImportKind.SUPPRESSIONS, "reason": reason}
    return {"targets": targets}


def _with_address(targets: list[str], samples: list[list[str]]) -> list[str]:
    """Where no name tells it, the one column that holds nothing but addresses does."""
    found = [place for place, cells in enumerate(samples) if cells and all(map(_is_one, cells))]
    return ["email" if found == [place] else target for place, target in enumerate(targets)]


def _is_one(text: str) -> bool:
    try:
        parse(text)
    except BadAddress:
        return False
    return True
