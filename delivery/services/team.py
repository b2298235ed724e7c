"""Invitations, with the mail that carries them."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import Invitation, Workspace
from delivery.services.notices import send_notice


@transaction.atomic
def invite(workspace: Workspace, *, email: str, role: str, by: Actor) -> Invitation:
    """Invite somebody, and queue the mail with the link. Raises Invalid and Conflict."""
    return _send(accounts.invite(workspace, email=email, role=role, by=by), by=by)


@transaction.atomic
def resend(invitation: Invitation, *, by: Actor) -> Invitation:
    """Send a new link, which voids the one before. Raises StateConflict."""
    return _send(accounts.renew_invitation(invitation, by=by), by=by)


def _send(invitation: Invitation, *, by: Actor) -> Invitation:
    names = {"who": by.label, "workspace": invitation.workspace, "role": invitation.group.name}
    send_notice(
        invitation.workspace,
        to=invitation.email,
        subject=_("Join %(workspace)s on emailseq") % names,
        paragraphs=[
            _("%(who)s invites you to work in %(workspace)s, as %(role)s.") % names,
            _("The link is good for seven days, and once."),
        ],
        path=reverse("join", args=[accounts.invitation_token(invitation)]),
        call=_("Join %(workspace)s") % names,
        expires_at=invitation.expires_at,
        by=by,
    )
    return invitation
