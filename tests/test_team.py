"""Who works in a workspace: invited by mail, with a role, and let out again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEntry, Invitation, Membership, User
from accounts.services import create_api_key, find_api_key, invited_by_provider, rights_of_key
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import MembershipFactory, UserFactory
from delivery.models import TransactionalMessage
from emailseq.lib import clock
from subscribers.models import Subscriber

pytestmark = pytest.mark.django_db
INVITE = "admin:accounts_membership_invite"
NEW = {"first_name": "Mie", "last_name": "Ko", "password": "correct horse battery"}


def link():
    """The last one that was mailed."""
    data = TransactionalMessage.objects.latest("id").data
    return f"/{data['page']}/{data['key']}/"


def verb(row, name):
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_{name}", args=[row.pk])


@pytest.fixture
def owner():
    return sign_in()


@pytest.fixture
def invitation(owner):
    assert is_done(act(owner, reverse(INVITE), email="mie@Harbour.example", role="Author"))
    return Invitation.objects.get()


def test_a_link_lets_a_new_person_in_once(owner, invitation):
    client, url = Client(), link()
    page = client.get(url)
    assert owner.workspace.name in page.text
    assert "as Author" in page.text

    answer = client.post(url, NEW)

    assert answer.url == "/admin/"
    assert client.get("/admin/").status_code == 200
    member = Membership.objects.get(user__email="mie@harbour.example")
    assert (member.workspace, member.group.name) == (owner.workspace, "Author")
    assert member.user.get_full_name() == "Mie Ko"
    again = Client().post(url, NEW)
    assert again.status_code == 410
    assert User.objects.filter(email__icontains="mie").count() == 1
    verbs = AuditEntry.objects.of(owner.workspace).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["invitation.sent", "invitation.accepted", "user.signed_in"]
    assert not Subscriber.objects.of(owner.workspace).exists()


def test_a_weak_password_is_refused_at_the_field_and_makes_nobody(invitation):
    page = Client().post(link(), {**NEW, "password": "password"})

    assert 'id="id_password_error"' in page.text
    assert not User.objects.filter(email__icontains="mie").exists()


def test_who_has_a_login_signs_in_and_says_yes(owner, invitation):
    known, other = UserFactory(email="Mie@harbour.example"), MembershipFactory().user
    url = link()
    assert "first_name" not in Client().post(url, NEW).text

    stranger = Client()
    stranger.force_login(other)
    assert f"signed in as {other.email}" in stranger.post(url).text
    assert not Membership.objects.filter(user__in=[known], workspace=owner.workspace).exists()

    client = Client()
    client.force_login(known)
    assert client.post(url).url == "/admin/"
    assert Membership.objects.get(user=known).group.name == "Author"


@pytest.mark.parametrize("end", ["week", "resent", "withdrawn", "asked anew"])
def test_a_link_ends(owner, invitation, end):
    old, later = link(), clock.now()
    match end:
        case "week":
            later += timedelta(days=7, seconds=1)
        case "resent":
            assert is_done(owner.post(verb(invitation, "resend")))
        case "withdrawn":
            assert is_done(owner.post(verb(invitation, "withdraw")))
        case _:
            act(owner, reverse(INVITE), email="MIE@harbour.example", role="Owner")

    with clock.frozen(later):
        assert Client().post(old, NEW).status_code == 410
        assert not User.objects.filter(email__icontains="mie").exists()
        fresh = link()
        if fresh != old:
            assert Client().post(fresh, NEW).status_code == 302
    assert Invitation.objects.count() == 1


def test_who_works_here_is_not_invited_and_only_owners_invite(owner):
    answer = act(owner, reverse(INVITE), email=owner.user.email.upper(), role="Author")
    marketer = sign_in(role="Marketer")

    assert "works here already" in answer.text
    assert (
        marketer.post(reverse(INVITE), {"email": "a@b.example", "role": "Owner"}).status_code == 403
    )
    assert not Invitation.objects.exists()


def test_roles_change_and_people_go_with_what_their_keys_could(owner):
    member = MembershipFactory(workspace=owner.workspace, role="Integrator")
    by = {"created_by": member.user, "by": SYSTEM}
    _, key = create_api_key(owner.workspace, name="Shop", scopes=["events:write"], **by)

    assert is_done(act(owner, verb(member, "role"), role="Analyst"))
    member.refresh_from_db()
    assert member.group.name == "Analyst"

    assert is_done(owner.post(verb(member, "remove")))
    assert not Membership.objects.filter(pk=member.pk).exists()
    assert rights_of_key(find_api_key(key)) == frozenset()
    assert User.objects.filter(pk=member.user_id).exists()


def test_the_last_owner_stays_one(owner):
    own = Membership.objects.get(user=owner.user)

    assert "make somebody else one first" in act(owner, verb(own, "role"), role="Author").text
    assert "make somebody else one first" in owner.post(verb(own, "remove")).text
    own.refresh_from_db()
    assert own.group.name == "Owner"


def test_another_workspaces_people_are_not_there(owner, invitation):
    stranger = sign_in()

    for row in (invitation, Membership.objects.get(user=owner.user)):
        for name in ("resend", "withdraw") if row is invitation else ("role", "remove", "mails"):
            assert stranger.post(verb(row, name)).status_code == 404


def test_a_provider_lets_in_who_is_known_or_invited_and_nobody_else(owner, invitation):
    names = {"first_name": "Mie", "last_name": "Ko"}

    assert invited_by_provider("stranger@harbour.example", **names) is None
    known = UserFactory(email="known@harbour.example")
    assert invited_by_provider("Known@harbour.example", **names) == known
    user = invited_by_provider("MIE@harbour.example", **names)

    assert not user.has_usable_password()
    assert Membership.objects.get(user=user).group.name == "Author"
    assert User.objects.filter(email__icontains="stranger").count() == 0
