"""The verbs of mailboxes that bounces and answers are picked up from."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from delivery.models import Mailbox, Transport
from delivery.transports import pickup
from delivery.transports.pickup import PickupFailed, Place
from emailseq.lib import clock, text
from emailseq.lib.encrypted import Secret, Undecipherable
from emailseq.lib.errors import AppError, Invalid, Problem
from emailseq.lib.networks import is_host, is_loopback

WHERE = ("protocol", "host", "port", "tls", "username", "folder", "empties")
_PRINTABLE = re.compile(r"[!#-\[\]-~]{1,200}")
_FOLDER = re.compile(r"[ !#-\[\]-~]{1,100}")


class Unreadable(AppError):
    """The mailbox could not be read; the text has the server's words."""

    code = "mailbox_unreadable"


@transaction.atomic
def create_mailbox(
    workspace: Workspace, *, name: str, host: str, by: Actor, password: str, **options: Any
) -> Mailbox:
    """Pick up mail from a mailbox from now on; `options` are fields of Mailbox. Raises Invalid."""
    made = Mailbox(workspace=workspace, name=name, host=host.strip().lower(), **options)
    made.password = Secret.of(password)
    _check(made, password=password)
    made.save()
    audit.record(workspace, "mailbox.created", by=by, on=made)
    return made


@transaction.atomic
def update_mailbox(mailbox: Mailbox, *, by: Actor, **changes: Any) -> Mailbox:
    """Change some of its fields, and read it anew at once. Raises Invalid.

    An empty password leaves the one that is stored.
    """
    plain = changes.pop("password", "")
    for name, value in changes.items():
        setattr(mailbox, name, value)
    if plain:
        mailbox.password = Secret.of(plain)
    _check(mailbox, password=plain or "-")
    if changes.keys() & {"host", "username", "folder"}:
        mailbox.uid_validity = mailbox.last_uid = 0
    mailbox.due_at, mailbox.failure_count = clock.now(), 0
    mailbox.save()
    told = {name: str(value) for name, value in changes.items()}
    audit.record(mailbox.workspace_id, "mailbox.updated", by=by, on=mailbox, changes=told)
    return mailbox


@transaction.atomic
def archive_mailbox(mailbox: Mailbox, *, by: Actor) -> None:
    """Read it no more, and forget its password."""
    mailbox.archived_at, mailbox.password = clock.now(), None
    mailbox.save(update_fields=["archived_at", "password"])
    audit.record(mailbox.workspace_id, "mailbox.archived", by=by, on=mailbox)


def test_mailbox(mailbox: Mailbox, *, by: Actor) -> None:
    """Sign in and leave again, taking nothing. Raises Unreadable."""
    try:
        pickup.visit(place_of(mailbox), lambda _: None, most=0)
    except (PickupFailed, Undecipherable) as error:
        raise Unreadable(str(error)) from error
    audit.record(mailbox.workspace_id, "mailbox.tested", by=by, on=mailbox)


def place_of(mailbox: Mailbox) -> Place:
    """How to get at it. Raises Undecipherable."""
    where: dict[str, Any] = {name: getattr(mailbox, name) for name in WHERE}
    return Place(
        **where,
        password=mailbox.password.reveal() if mailbox.password else "",
        guarded=f"{mailbox.host}:{mailbox.port}" not in settings.TRANSPORT_ALLOWED_HOSTS,
        uid_validity=mailbox.uid_validity,
        last_uid=mailbox.last_uid,
    )


def _check(mailbox: Mailbox, *, password: str) -> None:
    """Raise Invalid with every fault."""
    text.check(name=mailbox.name)
    in_clear = mailbox.tls == Transport.Tls.NONE and not is_loopback(mailbox.host)
    pop3 = mailbox.protocol == Mailbox.Protocol.POP3
    faults = (
        (not is_host(mailbox.host), "host", "A host name, such as imap.example.com."),
        (not 1 <= mailbox.port <= 65_535, "port", "A number from 1 to 65,535."),
        (in_clear, "tls", "Passwords are not sent without TLS."),
        (not _PRINTABLE.fullmatch(mailbox.username), "username", "ASCII without blanks."),
        (not password.isascii() or not password.isprintable(), "password", "Printable ASCII."),
        (not password, "password", "A mailbox has a password."),
        (not _FOLDER.fullmatch(mailbox.folder), "folder", "ASCII without quotes."),
        (pop3 and not mailbox.empties, "empties", "What is read by POP3 is deleted."),
        (pop3 and mailbox.folder != "INBOX", "folder", "POP3 knows the INBOX alone."),
    )
    if problems := [Problem(f"/{name}", "invalid", said) for there, name, said in faults if there]:
        raise Invalid(problems)
