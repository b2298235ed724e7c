from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import prefetch_related_objects
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from analytics.numbers import numbers, numbers_by_source
from campaigns import (
    approvals,
    audience,
    checklist,
    copies,
    judging,
    recurring,
    review,
    services,
    showing,
    variants,
)
from campaigns.admin import reviewing, words
from campaigns.admin.forms import (
    CampaignForm,
    ChooseForm,
    RemoveTrialForm,
    RepeatForm,
    ResendForm,
    TrialForm,
)
from campaigns.models import Campaign
from campaigns.progress import progress, progress_by_campaign, speed
from campaigns.specimens import try_campaign
from campaigns.states import CAMPAIGN_MOVES, CampaignState
from delivery import services as delivery
from delivery.admin.specimens import sends_test
from delivery.states import SourceKind
from emailseq.backoffice.columns import NUMBERS, column, progress_bar, state_badge
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows, require
from emailseq.backoffice.verbs import Verb, archive, create, edit, pause, resume

# An answer with this status makes htmx stop asking.
STOP_POLLING = 286


class Archived(admin.SimpleListFilter):
    """What is put away is out of sight unless one asks for it."""

    title = _("archived")
    parameter_name = "archived"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Put away"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(archived_at__isnull=self.value() != "yes")


def _in(*states: str) -> Callable[[Campaign], bool]:
    return lambda campaign: campaign.state in states


def _has_trial(campaign: Campaign) -> bool:
    return campaign.state == CampaignState.DRAFT and hasattr(campaign, "trial")


def _awaits_a_winner(campaign: Campaign) -> bool:
    trial = getattr(campaign, "trial", None)
    if trial is None or trial.winner or trial.queued_at is None or trial.sample_percent == 100:
        return False
    return campaign.state in (CampaignState.SENDING, CampaignState.PAUSED)


def _may_be_shown(campaign: Campaign) -> bool:
    return campaign.state in showing.SHOWABLE and campaign.shown_at is None


def _may_be_archived(campaign: Campaign) -> bool:
    return campaign.state in services.ARCHIVABLE and campaign.archived_at is None


def _audience(campaign: Campaign) -> dict[str, Any]:
    """How many would get it, and why the others on its list would not, in words."""
    counted = audience.count(campaign)
    left_out = [(audience.REASONS[name], number) for name, number in counted.left_out.items()]
    return {
        "recipients": counted.recipients,
        "left_out": [(reason, number) for reason, number in left_out if number],
    }


def _progress_bar(row: Any) -> str:
    return progress_bar(row.progress.done, row.progress.recipients) if row.started_at else "–"


def _may_be_finished(campaign: Campaign) -> bool:
    if campaign.state != CampaignState.SENT:
        return False
    done = numbers(SourceKind.CAMPAIGN, campaign.pk)
    return campaign.recipient_count > done.sent + done.skipped


def _progress(campaign: Campaign) -> dict[str, Any]:
    """What is read again and again while it is sent."""
    return {
        "campaign": campaign,
        "numbers": numbers(SourceKind.CAMPAIGN, campaign.pk),
        "progress": progress(campaign),
        "speed": speed(campaign) if campaign.state == CampaignState.SENDING else None,
    }


@admin.register(Campaign)
class CampaignAdmin(WorkspaceAdmin):
    resource = "campaigns"
    moves = CAMPAIGN_MOVES
    hint = _("One message to everybody on a list, once.")
    list_display = (
        "name",
        state_badge,
        "list",
        column(_("When"), lambda row: row.started_at or row.scheduled_at),
        column(_("Progress"), _progress_bar),
        *NUMBERS,
    )
    list_filter = ("state", Archived)
    search_fields = ("name",)
    list_select_related = (
        *("workspace", "list", "template", "sender"),
        *("approval", "recurrence", "trial"),
    )
    change_form_template = "campaigns/page.html"
    list_verbs = (create(services.create_campaign, label=_("New campaign"), form=CampaignForm),)
    page_verbs = (
        Verb(
            review.go,
            name="review",
            label=_("Review & send"),
            icon="send",
            primary=True,
            when=_in(CampaignState.DRAFT, CampaignState.SCHEDULED),
            page=reviewing.page,
        ),
        resume(services.resume, right="delivery:pause"),
        Verb(
            services.unschedule,
            name="unschedule",
            label=_("Unschedule"),
            right="campaigns:send",
            icon="event_busy",
            sentence=_("It becomes a draft again."),
            done=_("“{}” is a draft again."),
        ),
        pause(services.pause, right="delivery:pause"),
        edit(services.update_campaign, name="update", form=CampaignForm),
        sends_test(try_campaign),
        Verb(
            copies.finish_rest,
            name="finish_rest",
            label=_("Finish the rest"),
            right="campaigns:send",
            icon="redo",
            sentence=_("Sends the same to exactly those whom it failed to reach."),
            done=_("The rest of “{}” is on its way, as a campaign of its own."),
            when=_may_be_finished,
        ),
        Verb(
            copies.resend,
            name="resend",
            label=_("Send again"),
            icon="forward_to_inbox",
            form=ResendForm,
            sentence=_("Makes a draft to those who have got it and paid it no attention."),
            done=_("“{}” is a draft: give it another subject, and send it."),
            when=_in(CampaignState.SENT),
        ),
        Verb(
            copies.duplicate,
            name="duplicate",
            label=_("Duplicate"),
            icon="content_copy",
            done=_("“{}” has a copy, which is a draft."),
        ),
        Verb(
            services.cancel,
            name="cancel",
            label=_("Cancel"),
            right="campaigns:send",
            icon="cancel",
            sentence=_("Whoever has not got it yet does not get it. This cannot be undone."),
            done=_("“{}” is cancelled."),
        ),
        Verb(
            variants.set_trial,
            name="trial",
            label=_("A/B test"),
            icon="science",
            form=TrialForm,
            sentence=_("The campaign as it is is variant A. A sample gets all, the rest the best."),
            done=_("The test of “{}” is set up."),
            when=_in(CampaignState.DRAFT),
        ),
        Verb(
            variants.remove_trial,
            name="remove_trial",
            label=_("No A/B test"),
            icon="science_off",
            form=RemoveTrialForm,
            done=_("“{}” is sent as it is."),
            when=_has_trial,
        ),
        Verb(
            judging.choose,
            name="choose_variant",
            label=_("Choose a variant"),
            right="campaigns:send",
            icon="trophy",
            form=ChooseForm,
            sentence=_("The rest of the audience gets it, whatever the numbers say."),
            done=_("The rest gets it."),
            when=_awaits_a_winner,
        ),
        Verb(
            recurring.repeat,
            name="repeat",
            label=_("Repeat"),
            right="campaigns:send",
            icon="event_repeat",
            form=RepeatForm,
            sentence=_(
                "A copy of it is checked and sent each time; the draft stays, to be changed."
            ),
            done=_("Copies of it are sent from now on."),
            when=_in(CampaignState.DRAFT),
        ),
        Verb(
            recurring.stop_repeating,
            name="stop_repeating",
            label=_("Repeat no more"),
            right="campaigns:send",
            icon="event_busy",
            done=_("“{}” is not repeated any more."),
            when=lambda campaign: hasattr(campaign, "recurrence"),
        ),
        Verb(
            showing.show,
            name="show",
            label=_("Show on the web"),
            right="campaigns:send",
            icon="public",
            sentence=_("Anybody can read it in your archive, and in its feed."),
            done=_("“{}” is on the web."),
            when=_may_be_shown,
        ),
        Verb(
            showing.hide,
            name="hide",
            label=_("Take off the web"),
            right="campaigns:send",
            icon="public_off",
            done=_("“{}” is not on the web any more."),
            when=lambda campaign: campaign.shown_at is not None,
        ),
        archive(services.archive, when=_may_be_archived),
        Verb(
            services.unarchive,
            name="unarchive",
            label=_("Unarchive"),
            icon="unarchive",
            done=_("“{}” is back."),
            when=lambda campaign: campaign.archived_at is not None,
        ),
    )

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_urls(self) -> list[URLPattern]:
        fragments = {
            "progress": self.progress_fragment,
            "checks": self.checks_fragment,
            "frame": self.frame,
        }
        own = [
            path(
                f"<int:object_id>/{name}/",
                self.admin_site.admin_view(fragment),
                name=f"campaigns_campaign_{name}",
            )
            for name, fragment in fragments.items()
        ]
        return [*own, *super().get_urls()]

    def read_beside(self, rows: list[Any]) -> None:
        numbers_by_id = numbers_by_source(SourceKind.CAMPAIGN, [row.pk for row in rows])
        progresses = progress_by_campaign(rows)
        for row in rows:
            row.numbers, row.progress = numbers_by_id[row.pk], progresses[row.pk]

    def page_context(self, request: Request, target: Campaign) -> dict[str, Any]:
        prefetch_related_objects([target], *services.NARROWING)
        return {
            **(_progress(target) if target.started_at else {"campaign": target}),
            "may_see_messages": allows(request, "delivery:read"),
            "trial": words.trial_table(target),
            "recurrence": getattr(target, "recurrence", None),
            "web_url": showing.url(target),
            "approval": getattr(target, "approval", None),
            "approved": approvals.standing(target),
            "audience": _audience(target) if not target.started_at else None,
            "without": [
                *target.excluded_lists.all(),
                *target.excluded_segments.all(),
                *target.excluded_campaigns.all(),
            ],
            "held_reason": delivery.held_reason(**target.source),
        }

    def checks_fragment(self, request: Request, object_id: int) -> HttpResponse:
        """What stands in the way of a campaign; its page asks for it, since it takes a while."""
        require(request, "campaigns:read")
        campaign = self.get_object(request, str(object_id))
        checks, seen = checklist.check(campaign), request.GET.getlist("seen")
        keys = [(each, review.key_of(each)) for each in checks.warnings]
        context = {
            "checks": checks,
            "warnings": [(each, key, key in seen) for each, key in keys],
            "span": words.local_span(campaign),
            "tick": "tick" in request.GET,
        }
        return render(request, "campaigns/checks.html", context)

    def frame(self, request: Request, object_id: int) -> HttpResponse:
        """The message as somebody gets it."""
        require(request, "campaigns:read")
        return reviewing.frame(request, self.get_object(request, str(object_id)))

    def progress_fragment(self, request: Request, object_id: int) -> HttpResponse:
        """How far a campaign is, for its page to ask every other second; the page is read anew
        once something else may be done with it."""
        require(request, "campaigns:read")
        campaign = self.get_object(request, str(object_id))
        context = {**_progress(campaign), "may_see_messages": allows(request, "delivery:read")}
        answer = render(request, "campaigns/progress.html", context)
        if campaign.state != CampaignState.SENDING:
            answer.status_code = STOP_POLLING
            answer.headers["HX-Refresh"] = "true"
        return answer
