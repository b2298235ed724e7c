"""Who works in a workspace, and who is asked to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import permissions, services
from accounts.models import Invitation, Membership
from accounts.services import second_factor
from delivery.services import team
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, create, edit
from emailseq.lib import clock

ROLES = [(role, role) for role in permissions.ROLES]


class RoleForm(VerbForm):
    role = forms.ChoiceField(choices=ROLES, label=_("Role"))

    def values_of(self, target: Membership) -> dict[str, Any]:
        return {"role": target.group.name}


class InviteForm(VerbForm):
    email = forms.EmailField(label=_("Address"))
    role = forms.ChoiceField(choices=ROLES, label=_("Role"), initial="Author")


class MailsForm(VerbForm):
    alerts = forms.BooleanField(required=False, label=_("When something needs attention"))
    weekly = forms.BooleanField(required=False, label=_("What the week came to"))


INVITE = create(
    team.invite,
    name="invite",
    label=_("Invite somebody"),
    form=InviteForm,
    submit=_("Send the invitation"),
    done=_("{} gets a mail with a link."),
)


@admin.register(Membership)
class MembershipAdmin(WorkspaceAdmin):
    resource = "team"
    to_see = "team:write"
    hint = _("Who works in this workspace, and what they may do.")
    list_display = (
        "user",
        column(_("Name"), lambda row: row.user.get_full_name()),
        column(_("Role"), lambda row: row.group.name, label=True),
        column(_("Second factor"), lambda row: _("yes") if row.user.factors else _("none")),
        column(_("Mails"), lambda row: _mails(row)),
        "created_at",
        column(_("Last signed in"), lambda row: row.user.last_login),
    )
    list_verbs = (INVITE,)
    row_verbs = (
        edit(services.change_role, name="role", label=_("Change role"), form=RoleForm),
        edit(services.choose_mails, name="mails", label=_("Mails"), icon="mail", form=MailsForm),
        Verb(
            services.remove_member,
            name="remove",
            label=_("Remove"),
            icon="person_remove",
            title=_("Remove them from this workspace?"),
            sentence=_("{} cannot work here any more, and their API keys end."),
            done=_("{} is out."),
        ),
    )

    def get_queryset(self, request: Request) -> QuerySet[Membership]:
        own: QuerySet[Membership] = super().get_queryset(request)
        return own.select_related("user", "group", "workspace")

    def read_beside(self, rows: list[Any]) -> None:
        having = second_factor.who_have([row.user_id for row in rows])
        for row in rows:
            row.user.factors = row.user_id in having


def _mails(row: Membership) -> str:
    wanted = [_("alerts")] if row.alerts else []
    wanted += [_("weekly")] if row.weekly else []
    return ", ".join(map(str, wanted))


@admin.register(Invitation)
class InvitationAdmin(WorkspaceAdmin):
    resource = "team"
    to_see = "team:write"
    hint = _("Who was asked to work here. A link is good for seven days, and once.")
    list_display = (
        "email",
        column(_("Role"), lambda row: row.group.name, label=True),
        column(_("State"), lambda row: _state(row), label=BADGES),
        column(_("Invited by"), lambda row: row.invited_by),
        "sent_at",
    )
    list_verbs = (INVITE,)
    row_verbs = (
        Verb(
            team.resend,
            name="resend",
            label=_("Send again"),
            icon="forward_to_inbox",
            sentence=_("{} gets a new link; the one before is void."),
            done=_("{} gets another mail."),
            when=lambda row: row.is_open,
        ),
        Verb(
            services.withdraw_invitation,
            name="withdraw",
            label=_("Withdraw"),
            icon="block",
            sentence=_("The link that {} has will lead nowhere."),
            done=_("The invitation of {} is withdrawn."),
            when=lambda row: row.is_open,
        ),
    )

    def get_queryset(self, request: Request) -> QuerySet[Invitation]:
        asked: QuerySet[Invitation] = super().get_queryset(request)
        return asked.select_related("group", "workspace")


def _state(row: Invitation) -> tuple[str, Any]:
    if row.accepted_at:
        return "active", _("Accepted")
    if row.withdrawn_at:
        return "cancelled", _("Withdrawn")
    if row.expires_at < clock.now():
        return "failed", _("Expired")
    return "pending", _("Open")
