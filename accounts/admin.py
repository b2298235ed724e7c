from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts import permissions, services
from accounts.models import APIKey, AuditEntry, Invitation, Membership, Workspace
from accounts.services import second_factor
from delivery.services import team
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, create, edit
from emailseq.lib import clock


class WorkspaceForm(VerbForm):
    name = forms.CharField(max_length=100)
    postal_address = forms.CharField(
        max_length=300, required=False, help_text=_("In the footer of every message.")
    )
    time_zone = forms.CharField(
        max_length=64, help_text=_("Such as Europe/Berlin; for people whose own is not known.")
    )
    opens = forms.TimeField(
        required=False, label=_("Quiet until"), help_text=_("On each person's own clock.")
    )
    closes = forms.TimeField(required=False, label=_("Quiet from"))
    cap_per_day = forms.IntegerField(
        required=False, label=_("Marketing messages to one person a day, at most")
    )
    cap_per_week = forms.IntegerField(required=False, label=_("… and a week, at most"))
    approval_above = forms.IntegerField(
        required=False,
        label=_("Approval by a second person above so many recipients"),
        help_text=_("Empty: whoever may send sends alone."),
    )
    second_factor = forms.BooleanField(
        required=False, label=_("Everybody has to sign in with a second factor")
    )
    utm_source = forms.CharField(
        max_length=100,
        required=False,
        label=_("Source that links tell (utm_source)"),
        help_text=_("Such as newsletter. Empty: links of campaigns and sequences tell nothing."),
    )
    utm_medium = forms.CharField(
        max_length=100, required=False, label=_("Medium that they tell (utm_medium)")
    )

    def values_of(self, target: Workspace) -> dict[str, Any]:
        return {**super().values_of(target), **(target.awake or {})}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if (given.get("opens") is None) != (given.get("closes") is None):
            self.add_error("closes", _("Say both when quiet hours begin and when they end."))
        return given

    def arguments(self) -> dict[str, Any]:
        """Days and zone of quiet hours, which only the API sets, stay as they are."""
        given = super().arguments()
        clock = {name: given.pop(name) for name in ("opens", "closes")}
        known = (self.target.awake if isinstance(self.target, Workspace) else None) or {}
        awake = {**known, **{name: f"{value:%H:%M}" for name, value in clock.items() if value}}
        return {**given, "awake": awake if clock["opens"] is not None else None}


@admin.register(Workspace)
class WorkspaceSettingsAdmin(WorkspaceAdmin):
    resource = "team"
    to_see = "team:write"
    hint = _("Who you are, which clock you live by, and how often people hear from you.")
    list_display = (
        "name",
        "postal_address",
        "time_zone",
        column(
            _("Quiet hours"),
            lambda row: f"{row.awake['closes']}–{row.awake['opens']}" if row.awake else _("none"),
        ),
        column(_("A day"), lambda row: row.cap_per_day or _("no cap")),
        column(_("A week"), lambda row: row.cap_per_week or _("no cap")),
    )
    row_verbs = (edit(services.update_workspace, form=WorkspaceForm),)

    def get_queryset(self, request: Request) -> QuerySet[Workspace]:
        return Workspace.objects.filter(pk=request.workspace.pk)


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


class NewKeyForm(VerbForm):
    name = forms.CharField(max_length=100, help_text=_("Which program will use it?"))

    def extra_fields(self) -> dict[str, forms.Field]:
        """Nobody can give a key more than their own role allows."""
        role = self.request.membership.group.name if self.request.membership else ""
        mine = sorted(permissions.of_role(role))
        boxes = forms.CheckboxSelectMultiple
        return {"scopes": forms.MultipleChoiceField(choices=[(s, s) for s in mine], widget=boxes)}

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "created_by": self.request.user}


@admin.register(APIKey)
class APIKeyAdmin(WorkspaceAdmin):
    resource = "keys"
    to_see = "keys:write"
    hint = _("What programs sign in with. A key can do no more than its scopes say.")
    list_display = (
        "name",
        column(_("Key"), lambda key: f"sk_{key.visible}_…"),
        column(
            _("State"),
            lambda key: ("failed", _("Revoked")) if key.revoked_at else ("active", _("Valid")),
            label=BADGES,
        ),
        column(_("Scopes"), lambda key: ", ".join(key.scopes)),
        "created_by",
        "last_used_at",
    )
    list_select_related = ("created_by",)
    list_verbs = (create(services.create_api_key, label=_("New key"), form=NewKeyForm),)
    row_verbs = (
        Verb(
            services.revoke_api_key,
            name="revoke",
            label=_("Revoke"),
            icon="block",
            title=_("Revoke this key?"),
            done=_("{} ends here; whoever uses it is refused."),
        ),
    )

    def done(self, request: Request, verb: Verb, target: Any, result: Any) -> HttpResponse:
        """A new key is shown at once: nobody can read it later."""
        if verb.name == "revoke":
            return super().done(request, verb, target, result)
        key, secret = result
        return render(request, "accounts/new_key.html", {"key": key, "secret": secret})


class About(admin.SimpleListFilter):
    """What kind of thing an entry is about, of those in the recent ones."""

    title = _("about")
    parameter_name = "about"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        recent = AuditEntry.objects.of(request.workspace).order_by("-id")
        kinds = set(recent.values_list("object_kind", flat=True)[:2000])
        return [(kind, kind) for kind in sorted(kinds)]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(object_kind=self.value()) if self.value() else queryset


class By(admin.SimpleListFilter):
    title = _("by")
    parameter_name = "by"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("user", _("People")),
            ("api_key", _("API keys")),
            ("command", _("Commands")),
            ("system", _("By itself")),
        ]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


class Within(admin.SimpleListFilter):
    title = _("within")
    parameter_name = "days"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("A day")), ("7", _("A week")), ("30", _("A month"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        days = self.value()
        if days not in {"1", "7", "30"}:
            return queryset
        return queryset.filter(at__gt=clock.now() - timedelta(days=int(days)))


@admin.register(AuditEntry)
class AuditEntryAdmin(WorkspaceAdmin):
    resource = "audit"
    hint = _("Who changed what. Nobody can edit this log.")
    list_filter = (About, By, Within)
    search_fields = ("actor_label__istartswith", "object_label__istartswith")
    list_display = (
        "at",
        "actor_label",
        "verb",
        "object_label",
        column(
            _("Details"),
            lambda entry: ", ".join(f"{name}: {value}" for name, value in entry.changes.items()),
        ),
    )
