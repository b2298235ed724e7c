"""Mail addresses, as a verb is given them."""

from __future__ import annotations

from emailseq.lib import addresses
from emailseq.lib.errors import Invalid


def parse_address(email: str) -> addresses.Address:
    """The address in `email`. Raises Invalid with a sentence that says what is wrong with it."""
    try:
        return addresses.parse(email)
    except addresses.BadAddress as error:
        raise Invalid.field("email", "invalid_email", str(error)) from error
