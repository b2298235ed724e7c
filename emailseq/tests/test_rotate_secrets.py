from __future__ import annotations

import io
import json
import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import call_command

from accounts.tests.factories import UserFactory, WorkspaceFactory
from delivery.models import Mailbox
from emailseq import rings
from emailseq.lib.encrypted import Secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def ring(settings):
    def use(**keys):
        settings.FIELD_KEYS = keys

    use(k1="old key")
    return use


def mailbox(name, password):
    return Mailbox.objects.create(
        workspace=WorkspaceFactory(slug=name),
        name=name,
        host="imap.example.org",
        username="ada",
        password=password and Secret.of(password),
    )


def test_second_factors_move_too(ring):
    user = UserFactory()
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(user)
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    ring(k2="new key", k1="old key")

    assert run("--json") == (0, '{"moved": {"mfa_authenticator": 2}, "unreadable": []}\n')

    ring(k2="new key")
    app = Authenticator.objects.get(type="totp")
    assert Secret(app.data["secret"]).reveal() == "JBSWY3DPEHPK3PXP"
    kept = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert kept.get_unused_codes() == codes


def run(*arguments):
    out = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("rotate_secrets", *arguments, stdout=out)
    return end.value.code, out.getvalue()


def test_stored_secrets_move_to_the_newest_key_and_the_old_one_may_go(ring, monkeypatch):
    monkeypatch.setattr(rings, "PAGE", 2)
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        mailbox(name, f"password of {name}")
    mailbox("open", None)
    ring(k2="new key", k1="old key")
    fresh = mailbox("fresh", "password of fresh")

    assert run("--json") == (0, '{"moved": {"delivery_mailbox": 5}, "unreadable": []}\n')
    ring(k2="new key")
    assert {m.name: m.password.reveal() for m in Mailbox.objects.exclude(password=None)} == {
        name: f"password of {name}" for name in [*names, "fresh"]
    }
    assert Mailbox.objects.get(pk=fresh.pk).password == fresh.password, "it was not touched"
    assert run() == (0, "0 secrets moved to k2.\n")


def test_what_no_key_reads_is_named_and_kept(ring):
    lost, kept = mailbox("lost", "one"), None
    ring(k2="another key")
    kept = mailbox("kept", "two")
    ring(k3="new key", k2="another key")

    code, said = run("--json")
    assert code == 1
    assert json.loads(said) == {
        "moved": {"delivery_mailbox": 1},
        "unreadable": [f"delivery_mailbox.password of {lost.pk}"],
    }
    assert Mailbox.objects.get(pk=lost.pk).password == lost.password
    assert Mailbox.objects.get(pk=kept.pk).password.reveal() == "two"
    assert "may leave" not in run()[1]


def test_a_new_key_goes_in_front_of_its_ring(ring):
    ring(k2="b", k1="a")
    out = io.StringIO()
    call_command("rotate_secrets", "--new", "field", stdout=out)

    assert re.fullmatch(r"k3:[0-9a-f]{64}\n", out.getvalue())
