from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.numbers import numbers, numbers_by_source
from campaigns import services
from campaigns.models import Campaign
from campaigns.progress import progress, progress_by_campaign
from campaigns.states import CAMPAIGN_MOVES, CampaignState
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.backoffice.columns import NUMBERS, column, percent, progress_bar, state_badge
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request
from subscribers.models import List
from templates_app.models import Template

# An answer with this status makes htmx stop asking.
STOP_POLLING = 286


class CampaignForm(VerbForm):
    name = forms.CharField(max_length=100)
    list = forms.ModelChoiceField(List.objects.filter(archived_at=None))
    template = forms.ModelChoiceField(Template.objects.filter(archived_at=None))
    sender = forms.ModelChoiceField(SenderIdentity.objects.all())


class EditForm(CampaignForm):
    revision = forms.IntegerField(widget=forms.HiddenInput)


class SendForm(VerbForm):
    target: Campaign

    def sentence(self) -> str:
        facts = {
            "count": self.target.audience().count(),
            "template": self.target.template,
            "list": self.target.list,
            "sender": self.target.sender,
        }
        return _("Sends “%(template)s” from %(sender)s to %(count)d people on “%(list)s”.") % facts


class CancelForm(VerbForm):
    def sentence(self) -> str:
        return _("Whoever has not got it yet does not get it. This cannot be undone.")


@admin.register(Campaign)
class CampaignAdmin(WorkspaceAdmin):
    resource = "campaigns"
    moves = CAMPAIGN_MOVES
    hint = gettext_lazy("One message to everybody on a list, once.")
    list_display = (
        "name",
        state_badge,
        "list",
        column(
            gettext_lazy("Progress"),
            lambda row: progress_bar(row.progress.done, row.progress.recipients),
        ),
        *NUMBERS,
    )
    list_filter = ("state",)
    list_select_related = ("list", "template", "sender")
    change_form_template = "campaigns/page.html"
    actions_list = ("create",)
    actions_detail = ("send", "resume", "pause", "update", "cancel")

    def get_urls(self) -> list[URLPattern]:
        fragment = self.admin_site.admin_view(self.progress_fragment)
        route = "<int:object_id>/progress/"
        return [path(route, fragment, name="campaigns_campaign_progress"), *super().get_urls()]

    def read_beside(self, rows: list[Any]) -> None:
        numbers_by_id = numbers_by_source(SourceKind.CAMPAIGN, [row.pk for row in rows])
        progresses = progress_by_campaign(rows)
        for row in rows:
            row.numbers, row.progress = numbers_by_id[row.pk], progresses[row.pk]

    def page_context(self, request: Request, target: Campaign) -> dict[str, Any]:
        return {"campaign": target, **_figures(target)}

    def progress_fragment(self, request: Request, object_id: int) -> HttpResponse:
        """How far a campaign is, for its page to ask every other second."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        campaign = self.get_object(request, str(object_id))
        context = {"campaign": campaign, **_figures(campaign)}
        status = 200 if campaign.state == CampaignState.SENDING else STOP_POLLING
        return render(request, "campaigns/progress.html", context, status=status)

    @verb(
        gettext_lazy("New campaign"),
        right="campaigns:write",
        icon="add",
        form=CampaignForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: VerbForm, target: None) -> HttpResponse:
        made = services.create_campaign(request.workspace, by=request.actor, **form.cleaned_data)
        return self.done(request, _("“%s” is a draft.") % made, at=made)

    @verb(
        gettext_lazy("Edit"),
        right="campaigns:write",
        icon="edit",
        form=EditForm,
        submit=gettext_lazy("Save"),
    )
    def update(self, request: Request, form: VerbForm, target: Campaign) -> HttpResponse:
        changes = dict(form.cleaned_data)
        revision = changes.pop("revision")
        services.update_campaign(target, by=request.actor, expected_revision=revision, **changes)
        return self.done(request, _("Saved."), at=target)

    @verb(
        gettext_lazy("Send now"), right="campaigns:send", icon="send", form=SendForm, primary=True
    )
    def send(self, request: Request, form: VerbForm, target: Campaign) -> HttpResponse:
        services.send(target, by=request.actor)
        return self.done(request, _("“%s” is on its way.") % target, at=target)

    @verb(gettext_lazy("Pause"), right="delivery:pause", icon="pause")
    def pause(self, request: Request, form: VerbForm, target: Campaign) -> HttpResponse:
        services.pause(target, by=request.actor)
        return self.done(request, _("“%s” is paused.") % target, at=target)

    @verb(gettext_lazy("Resume"), right="delivery:pause", icon="play_arrow", primary=True)
    def resume(self, request: Request, form: VerbForm, target: Campaign) -> HttpResponse:
        services.resume(target, by=request.actor)
        return self.done(request, _("“%s” goes on.") % target, at=target)

    @verb(gettext_lazy("Cancel"), right="campaigns:send", icon="cancel", form=CancelForm)
    def cancel(self, request: Request, form: VerbForm, target: Campaign) -> HttpResponse:
        services.cancel(target, by=request.actor)
        return self.done(request, _("“%s” is cancelled.") % target, at=target)


def _figures(campaign: Campaign) -> dict[str, Any]:
    of_campaign = numbers(SourceKind.CAMPAIGN, campaign.pk)
    return {
        "numbers": of_campaign,
        "progress": progress(campaign),
        "opened": percent(of_campaign.opened, of_campaign.sent),
        "clicked": percent(of_campaign.clicked, of_campaign.sent),
    }
