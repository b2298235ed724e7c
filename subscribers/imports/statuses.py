"""What other systems call people whom they may not mail any more. Pure."""

from __future__ import annotations

_MEANT = {
    "unsubscribed": "unsubscribed unsub blocklisted blacklisted blocked opt-out optout opted-out"
    " opted_out do-not-contact dnc suppressed left",
    "hard_bounce": "bounced bounce hard-bounce hard_bounce hardbounce cleaned invalid",
    "complaint": "complained complaint spam abuse spam-complaint",
    "": "enabled active subscribed confirmed contactable",
}
_REASONS = {name: reason for reason, names in _MEANT.items() for name in names.split()}
# A column that answers whether somebody must be left alone.
_REASONS |= dict.fromkeys(("1", "yes", "true", "y"), "unsubscribed")
_REASONS |= dict.fromkeys(("0", "no", "false", "n"), "")


def reason_of(status: str) -> str:
    """Why nothing may be sent to somebody of this status; empty when it may.

    Raises ValueError for any other: whoever is pending or disabled elsewhere has not said yes.
    """
    reason = _REASONS.get("-".join(status.lower().split()))
    if reason is None:
        raise ValueError(f"Whoever is “{status[:50]}” may not be mailed: the row is left out.")
    return reason
