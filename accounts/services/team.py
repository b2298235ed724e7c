"""The verbs of a team: who works in a workspace, with which role, and how they get in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit, permissions
from accounts.audit import Actor
from accounts.models import Invitation, Membership, User, Workspace
from emailseq.lib import addresses, clock, signing, text
from emailseq.lib.errors import Conflict, Invalid, StateConflict

OWNER = "Owner"


@transaction.atomic
def add_member(*, email: str, workspace: Workspace, role: str, by: Actor) -> User:
    """Give the user of `email` (made if new, without a password) a role; replaces an older one."""
    group = _group(role)
    user = User.objects.filter(email__iexact=email).first()
    user = user or User.objects.create_user(email, is_staff=True)
    Membership.objects.update_or_create(workspace=workspace, user=user, defaults={"group": group})
    audit.record(workspace, "member.added", by=by, on=user, changes={"role": role})
    return user


@transaction.atomic
def invite(workspace: Workspace, *, email: str, role: str, by: Actor) -> Invitation:
    """Ask somebody to work here. Who is asked already is asked anew, for this role.

    Raises Invalid, and Conflict for who works here already.
    """
    group = _group(role)
    try:
        address = addresses.parse(email).email
    except addresses.BadAddress as error:
        raise Invalid.field("email", "invalid", str(error)) from error
    if Membership.objects.of(workspace).filter(user__email__iexact=address).exists():
        raise Conflict(f"{address} works here already.")
    fresh = {"group": group, "invited_by": by.label, "sent_at": clock.now()}
    asked = Invitation.objects.of(workspace).open().select_for_update()
    invitation = asked.filter(email__iexact=address).first()
    invitation = invitation or Invitation(workspace=workspace, email=address)
    for name, value in fresh.items():
        setattr(invitation, name, value)
    invitation.save()
    audit.record(workspace, "invitation.sent", by=by, on=invitation, changes={"role": role})
    return invitation


@transaction.atomic
def renew_invitation(invitation: Invitation, *, by: Actor) -> Invitation:
    """Give an invitation another week and a link of its own: the one before is void."""
    _check_open(invitation)
    invitation.sent_at = clock.now()
    invitation.save(update_fields=["sent_at"])
    audit.record(invitation.workspace_id, "invitation.sent", by=by, on=invitation)
    return invitation


@transaction.atomic
def withdraw_invitation(invitation: Invitation, *, by: Actor) -> None:
    """Take an invitation back: its link leads nowhere any more."""
    _check_open(invitation)
    invitation.withdrawn_at = clock.now()
    invitation.save(update_fields=["withdrawn_at"])
    audit.record(invitation.workspace_id, "invitation.withdrawn", by=by, on=invitation)


def invitation_token(invitation: Invitation) -> str:
    """What its link carries: for this time that it was sent."""
    return signing.sign("j", f"{invitation.pk}|{invitation.sent_at.timestamp()}".encode())


def find_invitation(token: str) -> Invitation | None:
    """The open invitation of a token that is its last one, and not older than a week."""
    try:
        pk, stamp = signing.read("j", token).decode().split("|")
    except (signing.BadToken, ValueError):
        return None
    found = Invitation.objects.open().select_related("workspace", "group").filter(pk=int(pk))
    good = found.first()
    if good is None or str(good.sent_at.timestamp()) != stamp or clock.now() > good.expires_at:
        return None
    return good


@transaction.atomic
def accept_as_new(
    invitation: Invitation, *, first_name: str, last_name: str, password: str
) -> User:
    """Make the invited person's user and let them in. Raises Invalid, also where there is one."""
    text.check(first_name=first_name, last_name=last_name)
    if User.objects.filter(email__iexact=invitation.email).exists():
        raise Invalid.field("email", "taken", "This address has a login: sign in with it.")
    user = User(email=invitation.email, first_name=first_name, last_name=last_name, is_staff=True)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid.field("password", "too_weak", " ".join(error.messages)) from error
    user.set_password(password)
    user.save()
    accept([invitation], user)
    return user


@transaction.atomic
def accept(invitations: Iterable[Invitation], user: User) -> None:
    """Let a user in where they are invited. Raises StateConflict for what is closed meanwhile."""
    rows = [each.pk for each in invitations]
    for invitation in Invitation.objects.select_for_update().filter(pk__in=rows).order_by("pk"):
        _check_open(invitation)
        if user.email.casefold() != invitation.email.casefold():
            raise Invalid.field("email", "invalid", f"This is for {invitation.email} only.")
        invitation.accepted_at = clock.now()
        invitation.save(update_fields=["accepted_at"])
        Membership.objects.get_or_create(
            workspace=invitation.workspace, user=user, defaults={"group": invitation.group}
        )
        changes = {"role": invitation.group.name}
        by = Actor.user(user)
        audit.record(invitation.workspace, "invitation.accepted", by=by, on=user, changes=changes)


@transaction.atomic
def invited_by_provider(email: str, *, first_name: str, last_name: str) -> User | None:
    """The user whom a provider vouches for, made if they are invited; None for a stranger."""
    asked = Invitation.objects.open().filter(email__iexact=email)
    live = [each for each in asked if clock.now() <= each.expires_at]
    user = User.objects.filter(email__iexact=email).first()
    if live:
        user = user or User.objects.create_user(
            live[0].email, first_name=first_name[:150], last_name=last_name[:150], is_staff=True
        )
        accept(live, user)
    return user


@transaction.atomic
def change_role(membership: Membership, *, role: str, by: Actor) -> None:
    """Give somebody another role. Raises StateConflict for the last owner."""
    group = _group(role)
    before = membership.group.name
    if before == role:
        return
    _check_owner_remains(membership)
    membership.group = group
    membership.save(update_fields=["group"])
    changes = {"role": [before, role]}
    audit.record(
        membership.workspace_id, "member.role_changed", by=by, on=membership.user, changes=changes
    )


@transaction.atomic
def remove_member(membership: Membership, *, by: Actor) -> None:
    """Let somebody out: what they could do here ends at once, and what their API keys could.

    Raises StateConflict for the last owner.
    """
    _check_owner_remains(membership)
    audit.record(membership.workspace_id, "member.removed", by=by, on=membership.user)
    membership.delete()


@transaction.atomic
def choose_mails(membership: Membership, *, by: Actor, **wanted: bool) -> None:
    """Say which mails somebody wants: `alerts`, `weekly`."""
    for name, value in wanted.items():
        setattr(membership, name, value)
    membership.save(update_fields=[*wanted])
    changes: dict[str, Any] = dict(wanted)
    audit.record(
        membership.workspace_id, "member.mails_chosen", by=by, on=membership.user, changes=changes
    )


def _group(role: str) -> Group:
    if role not in permissions.ROLES:
        raise Invalid.field("role", "not_found", f"There is no role “{role}”.")
    return Group.objects.get(name=role)


def _check_open(invitation: Invitation) -> None:
    if invitation.is_open:
        return
    state = "accepted" if invitation.accepted_at else "withdrawn"
    raise StateConflict(f"This invitation is {state}.", state=state, allowed=[])


def _check_owner_remains(membership: Membership) -> None:
    """Owners are looked at one after the other, lest two remove each other."""
    owners = Membership.objects.of(membership.workspace).filter(group__name=OWNER)
    others = [each.pk for each in owners.select_for_update() if each.pk != membership.pk]
    if membership.group.name == OWNER and not others:
        detail = "A workspace has an owner: make somebody else one first."
        raise StateConflict(detail, state="last_owner", allowed=[])
