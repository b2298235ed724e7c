from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from delivery import callbacks, mailboxes
from delivery.models import Callback, Mailbox
from delivery.services.mailboxes import (
    Unreadable,
    archive_mailbox,
    create_mailbox,
    update_mailbox,
)
from delivery.services.mailboxes import test_mailbox as try_out
from delivery.tests.postoffice import CERTIFICATE, PASSWORD, Pop3Office, PostOffice
from delivery.tests.returned import mail, sent, way_back
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from subscribers.models import Suppression

pytestmark = pytest.mark.django_db
PROTOCOLS = {"imap": PostOffice, "pop3": Pop3Office}


def make(office, settings, **options):
    """A mailbox that leads to a server of the test."""
    settings.TRANSPORT_ALLOWED_HOSTS = [f"127.0.0.1:{office.port}"]
    given = {
        "name": "Bounces",
        "host": "127.0.0.1",
        "port": office.port,
        "tls": "none",
        "username": "bounces@harbour.example",
        "password": PASSWORD,
        "protocol": "pop3" if isinstance(office, Pop3Office) else "imap",
        **options,
    }
    return create_mailbox(WorkspaceFactory(), by=SYSTEM, **given)


def letter(number):
    return f"From: ada@example.net\r\nSubject: {number}\r\n\r\n.dot {number}\r\n".encode()


def later(minutes=2):
    return clock.frozen(clock.now() + timedelta(minutes=minutes))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_mailbox_is_emptied_and_what_was_in_it_is_applied(protocol, settings):
    (message,) = sent(finished_at=clock.now())
    bounce = mail("fields_postfix", to=way_back(message))

    with PROTOCOLS[protocol](bounce, letter(2)) as office:
        mailbox = make(office, settings)
        assert mailboxes.read_due() == 2
        assert office.mails == {}
        assert mailboxes.read_due() == 0  # not due yet
        with later():
            assert mailboxes.read_due() == 0

    callbacks.apply()
    assert Suppression.objects.get().reason == "hard_bounce"
    bodies = [bytes(row.body) for row in Callback.objects.order_by("id")]
    assert bodies[1].rstrip() == letter(2).rstrip()
    assert {row.origin for row in Callback.objects.all()} == {"mailbox Bounces"}
    mailbox.refresh_from_db()
    assert (mailbox.fault, mailbox.failing_since) == ("", None)
    assert mailbox.read_at is not None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_connection_that_breaks_loses_and_doubles_nothing(protocol, settings):
    with PROTOCOLS[protocol](*map(letter, range(5)), drops_after=3) as office:
        mailbox = make(office, settings)
        assert mailboxes.read_due() == 0
        mailbox.refresh_from_db()
        assert "EOF" in mailbox.fault
        assert mailbox.failing_since is not None
        assert Callback.objects.count() == 3

        office.drops_after = 1000
        if protocol == "pop3":
            office.flagged.clear()  # without a QUIT nothing was deleted
        with later():
            mailboxes.read_due()
        assert office.mails == {}

    assert Callback.objects.count() == 5
    mailbox.refresh_from_db()
    assert (mailbox.fault, mailbox.failing_since, mailbox.failure_count) == ("", None, 0)


def test_a_mailbox_that_people_read_is_left_as_it_is(settings):
    with PostOffice(letter(1), letter(2)) as office:
        mailbox = make(office, settings, empties=False)
        assert mailboxes.read_due() == 2
        office.mails[3] = letter(3)
        with later(2):
            assert mailboxes.read_due() == 1
        with later(4):
            assert mailboxes.read_due() == 0
        office.uid_validity, office.mails[4] = 8, letter(4)  # its UIDs count anew
        with later(6):
            assert mailboxes.read_due() == 4
        assert len(office.mails) == 4
        assert not any("STORE" in line or "SELECT" in line for line in office.commands)

    assert Callback.objects.count() == 4
    mailbox.refresh_from_db()
    assert (mailbox.uid_validity, mailbox.last_uid) == (8, 4)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_password_is_told_and_tried_ever_less_often(protocol, settings):
    with PROTOCOLS[protocol](letter(1)) as office:
        mailbox = make(office, settings, password="wrong")
        with pytest.raises(Unreadable, match=r"That is not the password\."):
            try_out(mailbox, by=SYSTEM)
        rests = []
        for tries in range(1, 9):
            mailboxes.read_due()
            mailbox.refresh_from_db()
            rests.append((mailbox.due_at - clock.now()).total_seconds() / 60)
            assert mailbox.failure_count == tries
            Mailbox.objects.update(due_at=clock.now())
        assert [round(rest) for rest in rests] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert "That is not the password." in mailbox.fault
        assert len(office.mails) == 1

        update_mailbox(mailbox, password=PASSWORD, by=SYSTEM)
        try_out(mailbox, by=SYSTEM)
        assert len(office.mails) == 1
        assert mailboxes.read_due() == 1
    assert not Callback.objects.exclude(note="").exists()


@pytest.fixture
def trusted(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_mailbox_is_read_over_tls(protocol, tls, settings, trusted):
    with PROTOCOLS[protocol](letter(1), tls=tls) as office:
        make(office, settings, tls=tls)
        assert mailboxes.read_due() == 1
        assert office.encrypted == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_server_that_nobody_vouches_for_hears_no_password(protocol, tls, settings):
    with PROTOCOLS[protocol](letter(1), tls=tls) as office:
        mailbox = make(office, settings, tls=tls)
        with pytest.raises(Unreadable, match="CERTIFICATE_VERIFY_FAILED"):
            try_out(mailbox, by=SYSTEM)
        assert not any(PASSWORD in line for line in office.commands)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_the_tls_that_it_should_have_nothing_is_said(protocol, settings, trusted):
    with PROTOCOLS[protocol](letter(1)) as office:
        mailbox = make(office, settings, tls="starttls")
        with pytest.raises(Unreadable, match="TLS"):
            try_out(mailbox, by=SYSTEM)
        assert not any(PASSWORD in line for line in office.commands)


def test_a_folder_that_is_not_there_is_told(settings):
    with PostOffice() as office, pytest.raises(Unreadable, match=r"There is no such folder\."):
        try_out(make(office, settings, folder="Bounces"), by=SYSTEM)


def test_more_than_one_visit_takes_are_fetched_at_once(settings, monkeypatch):
    monkeypatch.setattr("delivery.transports.pickup.visit.__kwdefaults__", {"most": 2})
    with PostOffice(*map(letter, range(5))) as office:
        make(office, settings)
        assert mailboxes.read_due() == 5


def test_others_may_only_lead_us_to_the_public_internet(settings):
    with PostOffice(letter(1)) as office:
        mailbox = make(office, settings)
        settings.TRANSPORT_ALLOWED_HOSTS = []
        with pytest.raises(Unreadable, match="is not on the public internet"):
            try_out(mailbox, by=SYSTEM)
        assert office.commands == []


def test_a_worker_that_dies_leaves_the_mailbox_for_another(settings):
    with PostOffice(letter(1)) as office:
        make(office, settings)
        assert mailboxes._claim() is not None  # … and dies
        assert mailboxes._claim() is None
        with later(6):
            assert mailboxes.read_due() == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"host": "imap..example", "tls": "implicit"}, "/host"),
        ({"port": 0}, "/port"),
        ({"host": "imap.harbour.example"}, "/tls"),
        ({"username": "mie\r\nA1 LOGOUT"}, "/username"),
        ({"username": ""}, "/username"),
        ({"password": "a\r\nb"}, "/password"),
        ({"password": ""}, "/password"),
        ({"folder": 'IN"BOX'}, "/folder"),
        ({"protocol": "pop3", "empties": False}, "/empties"),
    ],
)
def test_what_no_mailbox_can_be_is_refused(changes, pointer):
    given = {"name": "a", "host": "127.0.0.1", "tls": "none", "username": "u", "password": "p"}

    with pytest.raises(Invalid) as caught:
        create_mailbox(WorkspaceFactory(), by=SYSTEM, **{**given, **changes})

    assert [error.pointer for error in caught.value.errors] == [pointer]
    assert not Mailbox.objects.exists()


def test_an_archived_mailbox_is_read_no_more_and_has_no_password(settings):
    with PostOffice(letter(1)) as office:
        mailbox = make(office, settings)
        assert PASSWORD not in repr(mailbox.password)
        archive_mailbox(mailbox, by=SYSTEM)
        assert mailboxes.read_due() == 0
        assert len(office.mails) == 1
    mailbox.refresh_from_db()
    assert mailbox.password is None
    verbs = [*AuditEntry.objects.order_by("id").values_list("verb", flat=True)]
    assert verbs == ["mailbox.created", "mailbox.archived"]
