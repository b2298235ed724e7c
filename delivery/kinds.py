"""The event kinds this app records; `source_*` say what the message came from."""

from __future__ import annotations

MESSAGE_SENT = "message.sent"  # the next mail server took it
MESSAGE_DEFERRED = "message.deferred"  # the next mail server said: not now
MESSAGE_HELD = "message.held"  # waits, for the reason given
MESSAGE_SKIPPED = "message.skipped"  # was not sent, for the reason given
MESSAGE_FAILED = "message.failed"  # cannot be sent, for the reason given
MESSAGE_IN_DOUBT = "message.in_doubt"  # the worker died, and it may or may not have left
MESSAGE_REPEATED = "message.repeated"  # was in doubt, and leaves once more under its Message-ID
MESSAGE_OPENED = "message.opened"  # its pixel was fetched; an estimate
MESSAGE_CLICKED = "message.clicked"  # its link number `link` was followed
MESSAGE_UNSUBSCRIBED = "message.unsubscribed"  # made its reader leave
UNSUBSCRIBE_EXPLAINED = "unsubscribe.explained"  # … and they said why: the verdict
MESSAGE_DELIVERED = "message.delivered"  # the mailbox's own server took it
MESSAGE_BOUNCED = "message.bounced"  # came back later, hard or soft, for the reason given
MESSAGE_COMPLAINED = "message.complained"  # its reader called it spam
MESSAGE_REPLIED = "message.replied"  # its reader answered, in person

SUBSCRIPTION_NOT_ASKED = "subscription.not_asked"  # is pending, and was spared another message

DOMAIN_FAILING = "domain.failing"  # a sending domain lost a record that it needs
DOMAIN_RECOVERED = "domain.recovered"  # … and has it again

SENDING_PAUSED = "sending.paused"  # nothing leaves any more, for the reason given
SENDING_RESUMED = "sending.resumed"  # messages leave again
