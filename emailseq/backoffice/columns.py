"""The columns that lists have in common, and the figures in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

# Every state there is, by the colour of its badge; the word is always there too.
_TONES = {
    "info": (
        *("draft", "pending", "running", "queued", "new", "unverified", "unknown", "building"),
        "scheduled",
        "held_out",
        *("checking", "undoing"),
    ),
    "primary": ("sending",),
    "success": (
        *("active", "confirmed", "finished", "live", "sent", "completed"),
        *("delivered", "enabled", "verified", "good", "ready", "open", "checked"),
    ),
    "warning": (
        *("paused", "skipped", "exited", "unsubscribed", "disabled", "advice"),
        *("undone", "retiring", "asking", "resting", "probing", "held", "in_doubt"),
        *("soft", "soft_strict", "sender_fault", "content_fault", "deferred"),
    ),
    "danger": ("failed", "cancelled", "failing", "bad", "hard", "complained"),
}
BADGES = {state: tone for tone, states in _TONES.items() for state in states}


def column(title: Any, read: Callable[[Any], Any], **look: Any) -> Callable[[Any], Any]:
    """A column of a list: what `read` makes of a row. `label=` turns it into a badge."""
    cell: Callable[[Any], Any] = display(description=title, **look)(lambda row: read(row))
    return cell


def percent(part: int, whole: int) -> str:
    """`42 %` of the whole, `0.4 %` of little, and a dash of nothing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.{1 if 0 < share < 1 else 0}f}\N{NARROW NO-BREAK SPACE}%"


def progress_bar(done: int, of: int) -> str:
    return format_html(
        '<progress class="bo-progress" max="{}" value="{}"></progress> '
        '<span class="bo-subtle">{} / {}</span>',
        of or 1,
        done,
        done,
        of,
    )


def _person(row: Any) -> str:
    url = reverse("admin:subscribers_subscriber_change", args=[row.subscriber_id])
    return format_html('<a href="{}">{}</a>', url, row.subscriber)


state_badge = column(_("State"), lambda row: (row.state, row.get_state_display()), label=BADGES)
subscriber_link = column(_("Subscriber"), _person)
# For rows that `read_beside` gives their `numbers`.
NUMBERS = (
    column(_("Sent"), lambda row: row.numbers.sent),
    column(_("Opened (est.)"), lambda row: percent(row.numbers.opened, row.numbers.sent)),
    column(_("Clicked"), lambda row: percent(row.numbers.clicked, row.numbers.sent)),
)
