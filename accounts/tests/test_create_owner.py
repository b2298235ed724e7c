from __future__ import annotations

from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry, Membership, User, Workspace
from accounts.tests.factories import MembershipFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db


def create_owner(*arguments: str) -> str:
    output = StringIO()
    call_command("create_owner", *arguments, stdout=output)
    return output.getvalue().strip()


def test_the_link_opens_the_new_workspace():
    link = create_owner(
        "mie@harbour.example", "--workspace=harbour", "--name=Harbour", "--postal-address=1 Quay"
    )

    client = Client()
    assert client.post(urlsplit(link).path).url == "/admin/"
    assert "Harbour" in client.get("/admin/").content.decode()
    workspace = Workspace.objects.get()
    assert (workspace.slug, workspace.name, workspace.postal_address) == (
        "harbour",
        "Harbour",
        "1 Quay",
    )
    membership = Membership.objects.get()
    assert (membership.user.email, membership.group.name) == ("mie@harbour.example", "Owner")
    assert not membership.user.has_usable_password()
    made = AuditEntry.objects.exclude(verb="user.signed_in")
    assert set(made.values_list("actor_label", flat=True)) == {"manage.py create_owner"}


def test_a_workspace_that_exists_keeps_its_name():
    WorkspaceFactory(slug="harbour", name="Harbour", postal_address="1 Quay")

    create_owner("mie@harbour.example", "--workspace=harbour", "--name=Other")

    workspace = Workspace.objects.get()
    assert (workspace.name, workspace.postal_address) == ("Harbour", "1 Quay")


def test_a_member_is_raised_and_not_doubled():
    held = MembershipFactory(role="Analyst")

    create_owner(held.user.email, f"--workspace={held.workspace.slug}")

    assert Membership.objects.get().group.name == "Owner"


@pytest.mark.parametrize(
    ("email", "slug", "sentence"),
    [
        ("mie", "harbour", "An email address must have an @-sign"),
        ("mie@harbour.example", "Harbour news", "“Harbour news” is no slug"),
    ],
)
def test_what_makes_no_sense_makes_nothing(email, slug, sentence):
    with pytest.raises(CommandError, match=sentence):
        create_owner(email, f"--workspace={slug}")

    assert not Workspace.objects.exists()
    assert not User.objects.exists()
