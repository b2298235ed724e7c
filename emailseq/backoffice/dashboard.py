"""The first page: what needs a person, what the last month came to, what is running now."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from analytics.numbers import Numbers, numbers_by_day
from campaigns.models import Campaign
from campaigns.progress import progress_by_campaign
from campaigns.states import CampaignState
from emailseq import health
from emailseq.backoffice.columns import percent
from emailseq.backoffice.pages import Request, allows, render_page
from emailseq.health import Level
from sequences.models import Enrollment, Sequence

DAYS = 30
SHOWN = 5
SERIES = (
    ("clicked", gettext_lazy("Clicked"), "#d97706"),
    ("opened", gettext_lazy("Opened (est.)"), "#0d9488"),
    ("sent", gettext_lazy("Sent"), "var(--color-primary-300)"),
)


class Figure(NamedTuple):
    label: str
    value: str
    note: str
    url: str = ""


def index(request: Request) -> HttpResponse:
    title = _("Dashboard")
    if not allows(request, "reports:read"):
        return render_page(request, "backoffice/dashboard.html", title=title)
    by_day = numbers_by_day(request.workspace, days=DAYS)
    return render_page(
        request,
        "backoffice/dashboard.html",
        title=title,
        may_see=True,
        attention=[check for check in health.checks() if check.level is not Level.HEALTHY],
        figures=_figures(request, list(by_day.values())),
        chart=_chart(by_day),
        by_day=[
            (day, of_day) for day, of_day in reversed(by_day.items()) if any(vars(of_day).values())
        ],
        sequences=_sequences(request.workspace) if allows(request, "sequences:read") else None,
        campaigns=_campaigns(request.workspace) if allows(request, "campaigns:read") else None,
    )


def _figures(request: Request, days: list[Numbers]) -> list[Figure]:
    def total(name: str) -> int:
        return sum(getattr(of_day, name) for of_day in days)

    sent, opened, clicked = total("sent"), total("opened"), total("clicked")
    left, lost = total("unsubscribed"), total("skipped") + total("failed")
    may_see = allows(request, "delivery:read")
    messages = reverse("admin:delivery_sendledger_changelist") if may_see else ""
    return [
        Figure(_("Sent"), f"{sent:,}", "", messages),
        Figure(_("Opened by people"), percent(opened, sent), _("%s, estimated") % f"{opened:,}"),
        Figure(_("Clicked"), percent(clicked, sent), f"{clicked:,}"),
        Figure(_("Unsubscribed"), percent(left, sent), f"{left:,}"),
        Figure(_("Not sent"), f"{lost:,}", _("skipped or failed"), messages),
    ]


def _chart(by_day: dict[date, Numbers]) -> str:
    """The month for the theme's Chart.js: each day's clicks before its opens before all it sent."""
    bars = {"maxBarThickness": 16, "displayYAxis": True, "maxTicksXLimit": 10}
    datasets = [
        {
            **bars,
            "label": str(label),
            "order": order,
            "backgroundColor": colour,
            "data": [getattr(of_day, name) for of_day in by_day.values()],
        }
        for order, (name, label, colour) in enumerate(SERIES)
    ]
    return json.dumps({"labels": [date_format(day, "j M") for day in by_day], "datasets": datasets})


def _sequences(workspace: Workspace) -> list[Any]:
    """The live sequences with the most people inside."""
    people = Enrollment.objects.of(workspace).inside_by_sequence()
    rows: list[Any] = list(Sequence.objects.of(workspace).live().order_by("-id"))
    for row in rows:
        row.people = people.get(row.pk, 0)
    return sorted(rows, key=lambda row: -row.people)[:SHOWN]


def _campaigns(workspace: Workspace) -> list[Any]:
    running = [CampaignState.SENDING, CampaignState.PAUSED]
    found = Campaign.objects.of(workspace).filter(state__in=running).order_by("-id")
    rows: list[Any] = list(found[:SHOWN])
    progresses = progress_by_campaign(rows)
    for row in rows:
        row.progress = progresses[row.pk]
    return rows
