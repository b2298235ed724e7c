"""Review & send: all there is to know of a campaign, and one button that says what it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.contrib import messages
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import AuditEntry
from campaigns import approvals, audience, review, services
from campaigns.admin import planning, words
from campaigns.admin.planning import MANY, ReviewForm
from campaigns.models import Campaign
from campaigns.review import NotLookedAt, Plan
from campaigns.states import CAMPAIGN_MOVES, CampaignState
from delivery import previews
from delivery.utm import tags_of
from emailseq.backoffice.pages import Request, allows, render_frame, render_page, require
from emailseq.lib import ids
from emailseq.lib.errors import AppError, Invalid
from subscribers.models import Subscriber


class Button(NamedTuple):
    """What can be done: which, and what it says that happens."""

    do: str
    label: str


class Glance(NamedTuple):
    """The message as one of them gets it."""

    title: str
    person: Subscriber | None
    shown: previews.Shown | None
    fault: str


def page(request: Request, campaign: Campaign) -> HttpResponse:
    """The page itself, and what its button does."""
    if campaign.state not in CAMPAIGN_MOVES["send"].sources:
        return _leave(request, campaign, _already(campaign))
    if request.method != "POST":
        return _show(request, campaign, _asked(request, campaign))
    form = ReviewForm(request.POST, request=request, target=campaign)
    do = {"ask": _ask, "approve": _approve}.get(request.POST.get("do", ""), _go)
    try:
        if answer := do(request, campaign, form):
            return answer
    except NotLookedAt:
        form.add_error(None, _("Look at what is listed under “Before it is sent”, and tick it."))
    except AppError as error:
        campaign.refresh_from_db()
        if campaign.state not in CAMPAIGN_MOVES["send"].sources:
            return _leave(request, campaign, _already(campaign))
        form.refuse(error)
    return _show(request, campaign, form)


def _ask(request: Request, campaign: Campaign, _form: ReviewForm) -> HttpResponse:
    approvals.request_approval(campaign, by=request.actor)
    messages.success(request, _("A second person is asked to approve it."))
    return redirect(_url(campaign, "review"))


def _approve(request: Request, campaign: Campaign, _form: ReviewForm) -> HttpResponse:
    require(request, "campaigns:send")
    approvals.approve(campaign, by=request.actor)
    messages.success(request, _("It is approved; somebody else may send it now."))
    return redirect(_url(campaign, "review"))


def _go(request: Request, campaign: Campaign, form: ReviewForm) -> HttpResponse | None:
    require(request, "campaigns:send")
    if not form.is_valid():
        return None
    given, plan = form.cleaned_data, form.plan()
    if plan is None:
        return None
    people, meant = audience.count(campaign).recipients, given["expected_recipients"] or 0
    if plan.at is None and people > MANY and given["typed"] != people:
        form.add_error("typed", _("It goes to %d people.") % people)
        return None
    seen = request.POST.getlist("seen")
    if not review.go(campaign, plan=plan, seen=seen, expected_recipients=meant, by=request.actor):
        return _leave(request, campaign, _already(campaign))
    said = _("“%s” is scheduled.") if plan.at else _("“%s” is on its way.")
    messages.success(request, said % campaign)
    return redirect(_url(campaign, "change"))


def _leave(request: Request, campaign: Campaign, said: str) -> HttpResponse:
    messages.warning(request, said)
    return redirect(_url(campaign, "change"))


def _already(campaign: Campaign) -> str:
    """That it is not to be sent any more, and who has seen to that."""
    verb = "scheduled" if campaign.state == CampaignState.SCHEDULED else "started"
    entries = AuditEntry.objects.of(campaign.workspace).filter(
        object_kind="campaign", object_id=campaign.pk, verb=f"campaign.{verb}"
    )
    last = entries.order_by("-id").first()
    if last is None:
        return _("Nothing is left to do: it is %(state)s.") % {
            "state": campaign.get_state_display().lower()
        }
    facts = {"who": last.actor_label, "at": date_format(timezone.localtime(last.at), "H:i")}
    if verb == "scheduled":
        return _("It is scheduled like that already: by %(who)s, at %(at)s.") % facts
    return _("It is sent already, once: %(who)s has pressed the button at %(at)s.") % facts


def _asked(request: Request, campaign: Campaign) -> ReviewForm:
    posted = request.GET if "when" in request.GET else None
    return ReviewForm(posted, request=request, target=campaign)


def _show(request: Request, campaign: Campaign, form: ReviewForm) -> HttpResponse:
    prefetch_related_objects([campaign], *services.NARROWING)
    counted = audience.count(campaign)
    people = counted.recipients
    plan = form.plan()
    reasons = [(audience.REASONS[name], n) for name, n in counted.left_out.items() if n]
    return render_page(
        request,
        "campaigns/review.html",
        title=f"{campaign} · {_('Review & send')}",
        opts=campaign._meta,
        original=campaign,
        campaign=campaign,
        form=form,
        when=[form[name] for name in ("when", "day", "time", "spread_minutes")],
        people=people,
        on_list=people + sum(counted.left_out.values()),
        left_out=reasons,
        usual=planning.usual(campaign, people),
        sentence=planning.sentence(campaign, plan, people) if plan else "",
        zones=words.zones(campaign, plan.at) if plan and plan.at and plan.local_time else [],
        trial=words.trial_table(campaign),
        typed=form["typed"] if people > MANY and plan and plan.at is None else None,
        buttons=list(_buttons(request, campaign, plan, people)) if plan else [],
        note=_note(request, campaign, people),
        glances=list(_glances(request, campaign)),
        seen=request.POST.getlist("seen"),
        sought=request.GET.get("as", ""),
    )


def _buttons(request: Request, campaign: Campaign, plan: Plan, people: int) -> Iterator[Button]:
    """What this person can do with it now, the most likely first."""
    may_send = allows(request, "campaigns:send")
    if not approvals.needs_second(campaign, people) or approvals.holds(
        campaign, people=people, by=request.actor
    ):
        if may_send:
            yield Button("go", planning.label(plan, people))
        return
    if campaign.state != CampaignState.DRAFT:
        return
    approval = getattr(campaign, "approval", None)
    asked = approval is not None and approval.asked_by == request.actor.label
    ask = Button(
        "ask", _("Ask a second person to approve it for %s") % planning.some_people(people)
    )
    approve = Button("approve", _("Approve it for %s") % planning.some_people(people))
    yield from (ask,) if asked or not may_send else (approve, ask)


def _note(request: Request, campaign: Campaign, people: int) -> str:
    """Why it takes somebody else."""
    if not approvals.needs_second(campaign, people):
        return "" if allows(request, "campaigns:send") else _("Your role does not send campaigns.")
    if approvals.holds(campaign, people=people, by=request.actor):
        return ""
    approval = getattr(campaign, "approval", None)
    standing = approvals.standing(campaign)
    facts = {"limit": f"{campaign.workspace.approval_above:,}"}
    if standing == "approved" and approval and approval.given_by == request.actor.label:
        return _("You have approved it: somebody else sends it.")
    if standing == "outdated":
        return _("It has changed since it was approved.")
    if standing == "asked" and approval:
        return _("%(who)s asks for a second person to approve it.") % {"who": approval.asked_by}
    return _("Above %(limit)s people a second person looks at it first.") % facts


def _glances(request: Request, campaign: Campaign) -> Iterator[Glance]:
    """The message as those get it who have least, as anybody does, and as whoever is sought."""
    if not allows(request, "subscribers:read"):
        yield _glance(_("Somebody made up"), campaign, previews.sample(campaign.workspace))
        return
    places = audience.places(campaign).values("subscriber")
    people = Subscriber.objects.filter(pk__in=places).select_related("workspace")
    for title, who in (
        (_("Of whom least is known"), previews.EMPTIEST),
        (_("Anybody of them"), previews.RANDOM),
    ):
        if person := previews.somebody(people, who):
            yield _glance(title, campaign, person)
    sought = request.GET.get("as", "").strip().lower()
    found = _found(campaign, sought or request.user.email.lower(), exactly=not sought)
    if found or sought:
        yield _glance(_("Whom you look for") if sought else _("Yourself"), campaign, found)


def _found(campaign: Campaign, address: str, *, exactly: bool) -> Subscriber | None:
    known: QuerySet[Subscriber] = Subscriber.objects.of(campaign.workspace)
    known = known.filter(archived_at=None).select_related("workspace")
    if exactly:
        return known.filter(address_key=address).first()
    return known.filter(address_key__startswith=address).order_by("address_key").first()


def _glance(title: str, campaign: Campaign, person: Subscriber | None) -> Glance:
    if person is None:
        return Glance(title, None, None, _("Nobody has such an address."))
    try:
        return Glance(title, person, _message(campaign, person), "")
    except Invalid as error:
        return Glance(title, person, None, error.detail)


def frame(request: Request, campaign: Campaign) -> HttpResponse:
    """The message of a glance, for a sandboxed frame."""
    person = previews.sample(campaign.workspace)
    if uid := ids.decode(Subscriber.prefix, request.GET.get("person", "")):
        require(request, "subscribers:read")
        person = get_object_or_404(Subscriber.objects.of(request.workspace), uid=uid)
    try:
        shown = _message(campaign, person)
    except Invalid as error:
        return render_frame("", text=error.detail)
    return render_frame(shown.html, text=shown.text)


def _message(campaign: Campaign, person: Subscriber) -> previews.Shown:
    own = campaign.workspace
    tags = tags_of(own.utm_source, own.utm_medium, campaign.name)
    return previews.show(campaign.template, person, tags=tags)


def _url(campaign: Campaign, name: str) -> str:
    return reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk])
