from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from delivery.models import SendingDomain
from delivery.services import domains
from delivery.tests.factories import make_domain

pytestmark = pytest.mark.django_db


def check_domain(*arguments):
    """The exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        call_command("check_domain", *arguments)
    return ended.value.code


@pytest.fixture
def harbour():
    return domains.create_domain(WorkspaceFactory(slug="a"), name="harbour.example", by=SYSTEM)


def test_all_is_well(harbour, names, capsys):
    names.publish(harbour)

    assert check_domain("HARBOUR.example") == 0

    [key] = harbour.keys.all()
    assert capsys.readouterr().out.splitlines() == [
        "harbour.example: Verified",
        "✓ spf bounce.harbour.example",
        "    It takes 0 of the 10 look-ups that are allowed.",
        "✓ spf harbour.example",
        "    It takes 0 of the 10 look-ups that are allowed.",
        f"✓ dkim {key.host}",
        "    RSA, 2048 bits. Messages are signed with it.",
        "✓ dmarc _dmarc.harbour.example",
        "    It only watches (p=none). Once its reports show your mail alone, ask for quarantine.",
        "✓ return_path bounce.harbour.example",
        "    Bounces have somewhere to go.",
        "✓ ptr 127.0.0.1",
        "    Names and addresses agree. The mail server should greet by that name (HELO).",
        "✓ tls 127.0.0.1",
        "    The mail server is here. See that it uses TLS to send them on.",
        "✓ links links.harbour.example",
        "    Links and one-click unsubscribe use https.",
    ]
    assert key.state == "active"
    entry = AuditEntry.objects.filter(verb="domain.verified").get()
    assert entry.actor_label == "manage.py check_domain"


def test_advice_is_something_to_look_at(harbour, names, capsys):
    names.publish(harbour)
    names.text("harbour.example", "v=spf1 mx ?all")

    assert check_domain("harbour.example") == 1

    shown = capsys.readouterr().out
    assert "▲ spf harbour.example" in shown
    assert "    found    v=spf1 mx ?all\n    publish  TXT v=spf1 ip4:192.0.2.1 mx ?all\n" in shown


def test_a_red_finding_is_a_failure(harbour, names, capsys):
    names.publish(harbour)
    del names.zone["_dmarc.harbour.example", "TXT"]

    assert check_domain("harbour.example") == 2

    assert "    publish  TXT v=DMARC1; p=none\n" in capsys.readouterr().out
    harbour.refresh_from_db()
    assert harbour.state == "unverified"


def test_for_programs(harbour, names, capsys):
    names.publish(harbour)

    assert check_domain("harbour.example", "--json") == 0

    shown = json.loads(capsys.readouterr().out)
    harbour.refresh_from_db()
    assert shown == {
        "domain": "harbour.example",
        "state": "verified",
        "findings": harbour.findings,
    }
    assert [each["kind"] for each in shown["findings"]] == [
        *("spf", "spf", "dkim", "dmarc", "return_path", "ptr", "tls", "links")
    ]


def test_the_workspace_is_told_where_several_have_it(harbour, names, capsys):
    other = make_domain(names, workspace=WorkspaceFactory(slug="b"))

    with pytest.raises(CommandError, match="--workspace") as refused:
        call_command("check_domain", "harbour.example")
    assert refused.value.returncode == 2
    assert check_domain("harbour.example", "--workspace", "b") == 0

    assert SendingDomain.objects.get(state="verified") == other


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("other.example", "no sending domain yet"), ("x y", "no domain name such as")],
)
def test_a_domain_that_nobody_has_is_a_wrong_call(harbour, names, name, sentence):
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("check_domain", name)

    assert refused.value.returncode == 2
    assert not names.asked
